"""The spec of one deployment, with every key that a stack may write."""

import typing
from collections.abc import Mapping, Sequence

import pydantic

from . import fields, machine_tables, open_ports, pod_tables, readers, served, tables, values
from .annotations import Row, read

SECRETS: dict[str, tuple[str, ...]] = {
    "imageCredentials": ("password",),
    "tls": ("certificate", "key"),
}
"""The tables other than `secrets` that hold secrets, and their keys that name one."""
VALUES = ("env", "secrets", *SECRETS)
"""The tables whose values a plan does not use. In a program a value may be secret or unknown."""


class Spec(served.Served):
    """A model that is served by a SkyServe service or by one SkyPilot cluster."""

    env: typing.Annotated[
        dict[str, values.Value],
        read(fields.variables),
        Row("table of strings", "environment variables of the machines; not secret", path="envs"),
    ] = pydantic.Field({}, repr=False)
    secrets: typing.Annotated[
        dict[str, values.Value],
        read(fields.variables),
        Row(
            "table: variable → key of a secret in this config, e.g. `HF_TOKEN: hfToken` after "
            "`pulumi config set --secret hfToken`",
            "secret environment variables of the machines",
            path="secrets",
        ),
    ] = pydantic.Field({}, repr=False)
    host: typing.Annotated[
        str | None,
        read(readers.host),
        Row(
            "host, without a port",
            "host of `endpoint` instead of the one that SkyPilot reports, such as a DNS name or an "
            "ingress; scheme, port and path stay",
            default="SkyPilot's; `skypilot:serveHost` when the controller runs in the API server",
            becomes="the host of `endpoint`",
        ),
    ] = None
    auth: typing.Annotated[
        typing.Literal["key", "none"],
        Row(
            "`key`, `none`",
            "`key`: requests need the API key; `none`: everyone who reaches the endpoint is served",
            path=f"secrets.{fields.API_KEYS}",
            becomes="`api-key` of vLLM's `--config` file",
        ),
    ] = "key"
    ports: typing.Annotated[
        tuple[int | str, ...],
        read(open_ports.ports),
        Row(
            "number, `FIRST-LAST`, or a list",
            "further ports that SkyPilot opens on each machine to everyone who reaches it, for "
            "servers that `setup` starts; no key guards them, and the endpoint does not lead there",
            path="resources.ports",
            default="none: 8000 alone, vLLM's",
            takes=int | str | Sequence[int | str],
        ),
    ] = ()
    image: typing.Annotated[
        str | None,
        read(fields.image),
        Row(
            "`docker:IMAGE` or a cloud's image",
            "image that the machine boots from or runs in; vLLM is installed unless it has a "
            "`vllm` command",
            path="resources.image_id",
            default="SkyPilot's, with vLLM installed",
        ),
    ] = None
    image_credentials: typing.Annotated[
        machine_tables.ImageCredentials | None,
        Row("the table below", "login to the registry of a private image", becomes="`secrets`"),
    ] = None
    setup: typing.Annotated[
        str | None,
        read(fields.script),
        Row(
            "shell lines",
            "commands that run after vLLM's installation and before vLLM starts",
            path="setup",
        ),
    ] = None
    workdir: typing.Annotated[
        machine_tables.Workdir | None,
        read(machine_tables.workdir),
        Row(
            "local folder, or the table below",
            "files in the folder in which `setup` and vLLM start",
            takes=str | machine_tables.Workdir,
            path="workdir",
        ),
    ] = None
    disk: typing.Annotated[
        int | None,
        read(readers.gib(1)),
        Row(
            "GiB, `512GB` or `1Ti`",
            "size of the disk; the model and vLLM must fit",
            takes=int | str,
            path="resources.disk_size",
            default="256 (SkyPilot's)",
        ),
    ] = None
    disk_tier: typing.Annotated[
        typing.Literal["low", "medium", "high", "ultra", "best"] | None,
        Row(
            "`low`, `medium`, `high`, `ultra`, `best`",
            "speed of the disk",
            path="resources.disk_tier",
            default="SkyPilot's, `medium`",
        ),
    ] = None
    network_tier: typing.Annotated[
        typing.Literal["standard", "best"] | None,
        Row(
            "`standard`, `best`",
            "`best`: the fastest network of the machine, for several nodes",
            path="resources.network_tier",
            default="SkyPilot's, `standard`",
        ),
    ] = None
    volumes: typing.Annotated[
        dict[str, str],
        read(fields.volumes),
        Row(
            "table: path → volume",
            "volumes: keys of `llm:volumes`, or names of SkyPilot volumes",
            path="volumes",
        ),
    ] = pydantic.Field({})
    mounts: typing.Annotated[
        dict[str, machine_tables.Mount],
        read(machine_tables.mounts),
        Row(
            "table: path → bucket's URL or the table below",
            "buckets; a service with a bucket rolls at every change",
            takes=Mapping[str, str | machine_tables.Mount],
            path="file_mounts",
        ),
    ] = pydantic.Field({})
    model_cache: typing.Annotated[
        str | None,
        read(machine_tables.cache),
        Row(
            "path of a volume or mount, or `{volume: NAME}`",
            "folder that keeps the model, so that the next machine does not download it; a volume "
            "that `volumes` does not mount is mounted at `/model-cache`",
            takes=str | Mapping[str, str],
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
            "table",
            "SkyPilot's configuration for this task; the fields of a `pod_config` are checked",
            path="config",
        ),
    ] = pydantic.Field({})
    pod: typing.Annotated[
        pod_tables.Pod | None,
        Row(
            "the table below",
            "settings of the pods, on Kubernetes and `ssh`",
            becomes="`config.kubernetes.pod_config`, `config.ssh.pod_config`",
        ),
    ] = None
    replicas: typing.Annotated[
        tables.Replicas,
        Row(
            "number, or the table below",
            "number of replicas",
            takes=int | tables.Replicas,
            path="service.replica_policy",
            default="1",
            only="service",
        ),
    ] = pydantic.Field(default_factory=lambda: tables.Replicas(min=1, max=1))
    load_balancing: typing.Annotated[
        tables.LoadBalancing,
        Row(
            "the table below",
            "distribution of requests among replicas",
            becomes="`service`",
            default="see the table",
            only="service",
        ),
    ] = pydantic.Field(default_factory=tables.LoadBalancing)
    readiness_probe: typing.Annotated[
        tables.ReadinessProbe,
        Row(
            "the table below",
            "check that a replica is ready",
            path="service.readiness_probe",
            default="see the table",
            only="service",
        ),
    ] = pydantic.Field(default_factory=tables.ReadinessProbe)
    tls: typing.Annotated[
        tables.Tls | None,
        Row("the table below", "HTTPS at the load balancer", path="service.tls", only="service"),
    ] = None
    update_mode: typing.Annotated[
        typing.Literal["rolling", "blue-green"],
        Row(
            "`rolling`, `blue-green`",
            "`blue-green`: the old version answers every request until the new one is ready",
            becomes="`sky serve update --mode`",
            only="service",
        ),
    ] = "rolling"
    autostop: typing.Annotated[
        machine_tables.Autostop | None,
        Row(
            "the table below",
            "stop of an idle cluster",
            path="resources.autostop",
            only="cluster",
        ),
    ] = None
    timeouts: typing.Annotated[
        tables.Timeouts,
        Row("the table below", "longest waits of `pulumi`", default="see the table"),
    ] = pydantic.Field(default_factory=tables.Timeouts)
