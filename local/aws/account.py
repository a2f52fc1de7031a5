"""The defaults of a new AWS account that moto's account lacks."""

import boto3

from . import instance_types

_INSTANCE_PROFILE = "skypilot-v1"


def seed(endpoint: str) -> None:
    """Give the account what SkyPilot takes for granted: an instance profile, public networks."""
    client = {
        "endpoint_url": endpoint,
        "region_name": "us-east-1",
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
    }
    # SkyPilot makes the profile when it is missing and sleeps twice 15 s
    # (sky.provision.aws.config._configure_iam_role).
    iam = boto3.client("iam", **client)
    iam.create_instance_profile(InstanceProfileName=_INSTANCE_PROFILE)
    iam.create_role(RoleName=_INSTANCE_PROFILE, AssumeRolePolicyDocument="{}")
    iam.add_role_to_instance_profile(
        InstanceProfileName=_INSTANCE_PROFILE, RoleName=_INSTANCE_PROFILE
    )
    # A default VPC is public, moto's is not ("All candidate subnets are private",
    # sky.provision.aws.config._is_subnet_public).
    for region in instance_types.REGIONS:
        ec2 = boto3.client("ec2", **client | {"region_name": region})
        default = {"Name": "isDefault", "Values": ["true"]}
        vpc = ec2.describe_vpcs(Filters=[default])["Vpcs"][0]["VpcId"]
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        tables = ec2.describe_route_tables(
            Filters=[
                {"Name": "vpc-id", "Values": [vpc]},
                {"Name": "association.main", "Values": ["true"]},
            ]
        )["RouteTables"]
        ec2.create_route(
            RouteTableId=tables[0]["RouteTableId"],
            DestinationCidrBlock="0.0.0.0/0",
            GatewayId=gateway,
        )
