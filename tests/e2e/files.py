"""A deployment with files: a local folder, a bucket, and set-up lines that put them together.

They make the chat template that the stub engine says in each of its answers.
"""

import json
import pathlib
import typing
import urllib.request

import boto3

from local import control

BUCKET = "notes"


def storage(cloud: control.Cloud) -> typing.Any:
    """The buckets of the emulated AWS."""
    return boto3.client(
        "s3",
        endpoint_url=cloud.location.aws,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def buckets(cloud: control.Cloud) -> list[str]:
    return [one["Name"] for one in storage(cloud).list_buckets()["Buckets"]]


def make(cloud: control.Cloud, folder: pathlib.Path) -> None:
    """A working directory with a file, and a bucket with another."""
    if BUCKET not in buckets(cloud):
        storage(cloud).create_bucket(Bucket=BUCKET)
    storage(cloud).put_object(Bucket=BUCKET, Key="tail.txt", Body=b"bucket ")
    folder.mkdir()
    (folder / "head.txt").write_text("first ")


def settings(folder: pathlib.Path) -> dict[str, object]:
    """What a deployment says of them."""
    return {
        "workdir": str(folder),
        "mounts": {"/opt/notes": {"source": f"s3://{BUCKET}", "mode": "copy"}},
        "env": {"GREETING": "env"},
        "setup": 'cat head.txt /opt/notes/tail.txt > made.txt; echo "$GREETING" >> made.txt\n',
        "vllmArgs": {"chat-template": "made.txt"},
    }


def said(outputs: dict[str, typing.Any], deployment: str) -> str:
    """What a deployment of these outputs answers."""
    request = urllib.request.Request(
        f"{outputs['endpoints'][deployment]}/v1/completions",
        json.dumps({"model": "chat", "prompt": "?"}).encode(),
        {
            "Authorization": f"Bearer {outputs['apiKeys'][deployment]}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(json.loads(answer.read())["choices"][0]["text"]).strip()
