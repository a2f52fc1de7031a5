"""What a stack may say of one deployment."""

import typing

import pydantic

from . import fields, machine_tables, readers, served, tables, values
from .fields import Row, read

SECRETS: dict[str, tuple[str, ...]] = {
    "imageCredentials": ("password",),
    "tls": ("certificate", "key"),
}
"""Beside `secrets`: the tables that hold secrets, and which of their keys name one."""
VALUES = ("env", "secrets", *SECRETS)
"""The tables whose values a plan only names: in a program they may be secret, or not known yet."""


class Spec(served.Served):
    """One model served: as a SkyServe service, or on one SkyPilot cluster."""

    env: typing.Annotated[
        dict[str, values.Value],
        read(fields.variables),
        Row("table of strings", "environment of the machines, in plain sight", path="envs"),
    ] = pydantic.Field({}, repr=False)
    secrets: typing.Annotated[
        dict[str, values.Value],
        read(fields.variables),
        Row(
            "table: variable → key of a secret in this config",
            "secret environment of the machines, e.g. `HF_TOKEN: hfToken` after "
            "`pulumi config set --secret hfToken`",
            path="secrets",
        ),
    ] = pydantic.Field({}, repr=False)
    host: typing.Annotated[
        str | None,
        read(readers.host),
        Row(
            "host, without a port",
            "by which clients come, in place of the one that SkyPilot lists, such as a name in DNS "
            "or of an ingress; scheme, port and path stay",
            default="SkyPilot's; of a service on the API server `skypilot:serveHost`",
            becomes="the host of `endpoint`",
        ),
    ] = None
    auth: typing.Annotated[
        typing.Literal["key", "none"],
        Row(
            "`key`, `none`",
            "`none`: whoever reaches the endpoint is served, without a key",
            path=f"secrets.{fields.API_KEYS}",
            becomes="`api-key` of vLLM's `--config` file",
        ),
    ] = "key"
    image: typing.Annotated[
        str | None,
        read(fields.image),
        Row(
            "`docker:IMAGE` or a cloud's image",
            "what the machine boots or runs in; one with a `vllm` command installs nothing",
            path="resources.image_id",
            default="SkyPilot's, with vLLM installed",
        ),
    ] = None
    image_credentials: typing.Annotated[
        machine_tables.ImageCredentials | None,
        Row("the table below", "for a private image", becomes="`secrets`"),
    ] = None
    setup: typing.Annotated[
        str | None,
        read(fields.script),
        Row("shell lines", "run after vLLM's installation, before it starts", path="setup"),
    ] = None
    workdir: typing.Annotated[
        machine_tables.Workdir | None,
        read(machine_tables.workdir),
        Row(
            "local folder, or the table below",
            "files that the set-up and vLLM find in the folder that they start in",
            path="workdir",
        ),
    ] = None
    disk: typing.Annotated[
        int | None,
        read(readers.whole(1, "GiB")),
        Row(
            "GiB",
            "the model and vLLM must fit",
            path="resources.disk_size",
            default="256 (SkyPilot's)",
        ),
    ] = None
    disk_tier: typing.Annotated[
        typing.Literal["low", "medium", "high", "ultra", "best"] | None,
        Row(
            "`low`, `medium`, `high`, `ultra`, `best`",
            "how fast the disk is",
            path="resources.disk_tier",
            default="SkyPilot's, `medium`",
        ),
    ] = None
    network_tier: typing.Annotated[
        typing.Literal["standard", "best"] | None,
        Row(
            "`standard`, `best`",
            "`best`: the fastest network that the machine has, for several nodes",
            path="resources.network_tier",
            default="SkyPilot's, `standard`",
        ),
    ] = None
    volumes: typing.Annotated[
        dict[str, str],
        read(fields.volumes),
        Row(
            "table: path → volume",
            "volumes of SkyPilot, made with `sky volumes apply`",
            path="volumes",
        ),
    ] = pydantic.Field({})
    mounts: typing.Annotated[
        dict[str, machine_tables.Mount],
        read(machine_tables.mounts),
        Row(
            "table: path → bucket's URL or the table below",
            "buckets; with one, every change of a service rolls",
            path="file_mounts",
        ),
    ] = pydantic.Field({})
    model_cache: typing.Annotated[
        str | None,
        read(fields.absolute),
        Row(
            "path of a volume or mount",
            "where models are kept, so that the next machine need not download them",
            path="envs.HF_HOME",
            default="the machine's own disk",
        ),
    ] = None
    labels: typing.Annotated[
        dict[str, str],
        read(fields.labels),
        Row("table of strings", "labels (tags) of the machines", path="resources.labels"),
    ] = pydantic.Field({})
    config: typing.Annotated[
        dict[str, object],
        read(fields.section),
        Row(
            "table", "SkyPilot's configuration for this task, such as a `pod_config`", path="config"
        ),
    ] = pydantic.Field({})
    replicas: typing.Annotated[
        tables.Replicas,
        Row(
            "number, or the table below",
            "how many",
            path="service.replica_policy",
            default="1",
            only="service",
        ),
    ] = tables.Replicas(min=1, max=1)
    load_balancing: typing.Annotated[
        tables.LoadBalancing,
        Row(
            "the table below",
            "how requests are shared out",
            becomes="`service`",
            default="see there",
            only="service",
        ),
    ] = tables.LoadBalancing()
    readiness_probe: typing.Annotated[
        tables.ReadinessProbe,
        Row(
            "the table below",
            "when a replica counts as ready",
            path="service.readiness_probe",
            default="see there",
            only="service",
        ),
    ] = tables.ReadinessProbe()
    tls: typing.Annotated[
        tables.Tls | None,
        Row("the table below", "HTTPS at the load balancer", path="service.tls", only="service"),
    ] = None
    update_mode: typing.Annotated[
        typing.Literal["rolling", "blue-green"],
        Row(
            "`rolling`, `blue-green`",
            "`blue-green`: the old version answers everything until the new one is ready",
            becomes="`sky serve update --mode`",
            only="service",
        ),
    ] = "rolling"
    autostop: typing.Annotated[
        machine_tables.Autostop | None,
        Row(
            "the table below",
            "when an idle cluster is given up",
            path="resources.autostop",
            only="cluster",
        ),
    ] = None
    timeouts: typing.Annotated[
        tables.Timeouts,
        Row("the table below", "how long `pulumi` waits", default="see there"),
    ] = tables.Timeouts()
