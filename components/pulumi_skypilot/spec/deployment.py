"""What a stack may say of one deployment."""

import typing

import pydantic

from .. import reading
from . import fields, tables, values
from .fields import Accelerator, Row, read

Kind = typing.Literal["service", "cluster"]

ONLY: dict[str, Kind] = {
    "replicas": "service",
    "load_balancing": "service",
    "readiness_probe": "service",
    "tls": "service",
    "update_mode": "service",
    "autostop": "cluster",
}
"""The keys that one kind of deployment has and the other has not."""


SECRETS: dict[str, tuple[str, ...]] = {
    "imageCredentials": ("password",),
    "tls": ("certificate", "key"),
}
"""Beside `secrets`: the tables that hold secrets, and which of their keys name one."""
VALUES = ("env", "secrets", *SECRETS)
"""The tables whose values a plan only names: in a program they may be secret, or not known yet."""


def _most(data: dict[str, typing.Any]) -> int:
    """GPUs of one machine, of the smallest alternative."""
    return min((one.count for one in data.get("accelerators", ())), default=1)


class Spec(fields.Strict):
    """One model served: as a SkyServe service, or on one SkyPilot cluster."""

    def layer_gpus(self, count: int) -> int:
        """The GPUs that each layer is split over on a machine with that count of them."""
        return count if self.tensor_parallel == "all" else self.tensor_parallel

    kind: typing.Annotated[
        Kind,
        Row(
            "`service`, `cluster`",
            "replicas behind a load balancer, or one cluster without",
            "`sky serve up` or `sky launch`",
        ),
    ] = "service"
    model: typing.Annotated[
        str,
        read(fields.model),
        Row(
            "`org/name` or absolute path",
            "Hugging Face model, or a folder on the machine",
            "`vllm serve MODEL`",
        ),
    ]
    revision: typing.Annotated[
        tables.Word | None,
        Row("word", "branch, tag or commit of the model", "`--revision`", "the model's newest"),
    ] = None
    served_name: typing.Annotated[
        tables.Word,
        Row("word", "the name that clients ask for", "`--served-model-name`", "`model`"),
    ] = pydantic.Field(default_factory=lambda data: data.get("model", ""))
    accelerators: typing.Annotated[
        tuple[Accelerator, ...],
        read(fields.accelerators),
        Row(
            "`NAME:COUNT`, or a list: any of these",
            "GPUs of one machine, by SkyPilot's names; `NAME` is `NAME:1`",
            "`resources.accelerators`",
            "none: CPU",
        ),
    ] = ()
    nodes: typing.Annotated[
        int,
        read(reading.whole(1, "a number of machines")),
        Row("number", "machines that one model is split over", "`num_nodes`, `--nnodes`"),
    ] = 1
    cpus: typing.Annotated[
        str | None,
        read(reading.quantity("a number of CPUs")),
        Row(
            'number or `"8+"`',
            "CPUs of one machine; without GPUs, this or `memory` is required",
            "`resources.cpus`",
            "SkyPilot's choice",
        ),
    ] = None
    memory: typing.Annotated[
        str | None,
        read(reading.quantity("GiB of memory")),
        Row('GiB or `"32+"`', "memory of one machine", "`resources.memory`", "SkyPilot's choice"),
    ] = None
    instance_type: typing.Annotated[
        tables.Word | None,
        Row(
            "word",
            "a cloud's own name of a machine; where `pulumi` runs SkyPilot looks it up in its list "
            "on GitHub",
            "`resources.instance_type`",
            "SkyPilot's choice",
        ),
    ] = None
    infra: typing.Annotated[
        tuple[str, ...],
        read(fields.infra),
        Row(
            "`cloud`, `cloud/region`, `cloud/region/zone`, `k8s/CONTEXT`, `ssh/POOL`, or a list: "
            "any of these",
            "where machines may run",
            "`resources.infra`, `resources.any_of`",
            "anywhere, cheapest first",
        ),
    ] = ()
    spot: typing.Annotated[
        tables.Spot | None,
        read(tables.spot),
        Row(
            "`true`, `false` or the table below",
            "machines that the cloud may take back",
            "`resources.use_spot`",
            "`false`",
        ),
    ] = None
    context: typing.Annotated[
        int | None,
        read(reading.whole(1, "tokens")),
        Row(
            "tokens",
            "what one request may have, prompt and answer together",
            "`--max-model-len`",
            "the model's longest",
        ),
    ] = None
    tensor_parallel: typing.Annotated[
        int | typing.Literal["all"],
        read(fields.tensor_parallel),
        Row(
            "GPUs, or `all`",
            "GPUs that each layer is split over; required where the accelerators' counts differ: "
            "`all` is as many as the machine has",
            "`--tensor-parallel-size`",
            "the accelerators' count",
        ),
    ] = pydantic.Field(default_factory=_most)
    pipeline_parallel: typing.Annotated[
        int,
        read(reading.whole(1, "a number of stages")),
        Row(
            "stages",
            "groups that the layers are divided among, each of `tensorParallel` GPUs",
            "`--pipeline-parallel-size`",
            "`nodes`",
        ),
    ] = pydantic.Field(default_factory=lambda data: data.get("nodes", 1))
    dtype: typing.Annotated[
        typing.Literal["auto", "bfloat16", "float16"],
        Row(
            "`auto`, `bfloat16`, `float16`",
            "of weights and activations that are not quantized",
            "`--dtype`",
        ),
    ] = "auto"
    quantization: typing.Annotated[
        tables.Word | None,
        Row("word", "vLLM's name of how weights are quantized", "`--quantization`",
            "what the model's files say"),
    ] = None  # fmt: skip
    kv_cache_dtype: typing.Annotated[
        tables.Word | None,
        Row("word", "how the KV cache is stored, such as `fp8`", "`--kv-cache-dtype`",
            "what the model's recipe recommends, else `auto`"),
    ] = None  # fmt: skip
    max_sequences: typing.Annotated[
        int | None,
        read(reading.whole(1, "a number of requests")),
        Row("requests", "how many are answered at a time", "`--max-num-seqs`", "vLLM's, by GPU"),
    ] = None
    max_batched_tokens: typing.Annotated[
        int | None,
        read(reading.whole(1, "tokens")),
        Row("tokens", "of one step of the engine", "`--max-num-batched-tokens`",
            "what the model's recipe recommends, else vLLM's"),
    ] = None  # fmt: skip
    tools: typing.Annotated[
        pydantic.StrictBool,
        Row(
            "`true`, `false`",
            "tool calls, with the parser known for the model; for other models name one in "
            "`vllmArgs.tool-call-parser`",
            "`--tool-call-parser`, `--enable-auto-tool-choice`",
        ),
    ] = False
    reasoning_parser: typing.Annotated[
        tables.Word | None,
        Row("word", "vLLM's parser that tells reasoning from the answer", "`--reasoning-parser`",
            "vLLM's own for gpt-oss"),
    ] = None  # fmt: skip
    reasoning_effort: typing.Annotated[
        typing.Literal["low", "medium", "high"] | None,
        Row(
            "`low`, `medium`, `high`",
            "how long the model thinks when a client says nothing of it",
            "a `--middleware` that fills in requests",
            "the model's",
        ),
    ] = None
    vllm_args: typing.Annotated[
        dict[str, object],
        read(fields.flags),
        Row(
            "table: flag without dashes → value",
            "more flags; they go before the recommended ones. `true` is `--flag`, `false` "
            "`--no-flag`, a list several values, a table JSON",
            "`--FLAG VALUE`",
            "what the model's recipe recommends for the GPU",
        ),
    ] = pydantic.Field({})
    env: typing.Annotated[
        dict[str, values.Value],
        read(fields.variables),
        Row("table of strings", "environment of the machines, in plain sight", "`envs`"),
    ] = pydantic.Field({}, repr=False)
    secrets: typing.Annotated[
        dict[str, values.Value],
        read(fields.variables),
        Row(
            "table: variable → key of a secret in this config",
            "secret environment of the machines, e.g. `HF_TOKEN: hfToken` after "
            "`pulumi config set --secret hfToken`",
            "`secrets`",
        ),
    ] = pydantic.Field({}, repr=False)
    auth: typing.Annotated[
        typing.Literal["key", "none"],
        Row(
            "`key`, `none`",
            "`none`: whoever reaches the endpoint is served, without a key",
            "`api-key` of vLLM's `--config` file",
        ),
    ] = "key"
    image: typing.Annotated[
        str | None,
        read(fields.image),
        Row(
            "`docker:IMAGE` or a cloud's image",
            "what the machine boots or runs in; one with a `vllm` command installs nothing",
            "`resources.image_id`",
            "SkyPilot's, with vLLM installed",
        ),
    ] = None
    image_credentials: typing.Annotated[
        tables.ImageCredentials | None,
        Row("the table below", "for a private image", "`secrets`"),
    ] = None
    setup: typing.Annotated[
        str | None,
        read(fields.script),
        Row("shell lines", "run after vLLM's installation, before it starts", "`setup`"),
    ] = None
    workdir: typing.Annotated[
        tables.Workdir | None,
        read(tables.workdir),
        Row(
            "local folder, or the table below",
            "files that the set-up and vLLM find in the folder that they start in",
            "`workdir`",
        ),
    ] = None
    disk: typing.Annotated[
        int | None,
        read(reading.whole(1, "GiB")),
        Row("GiB", "the model and vLLM must fit", "`resources.disk_size`", "256 (SkyPilot's)"),
    ] = None
    disk_tier: typing.Annotated[
        typing.Literal["low", "medium", "high", "ultra", "best"] | None,
        Row(
            "`low`, `medium`, `high`, `ultra`, `best`",
            "how fast the disk is",
            "`resources.disk_tier`",
            "SkyPilot's, `medium`",
        ),
    ] = None
    network_tier: typing.Annotated[
        typing.Literal["standard", "best"] | None,
        Row(
            "`standard`, `best`",
            "`best`: the fastest network that the machine has, for several nodes",
            "`resources.network_tier`",
            "SkyPilot's, `standard`",
        ),
    ] = None
    volumes: typing.Annotated[
        dict[str, str],
        read(fields.volumes),
        Row("table: path → volume", "volumes of SkyPilot, made with `sky volumes apply`",
            "`volumes`"),
    ] = pydantic.Field({})  # fmt: skip
    mounts: typing.Annotated[
        dict[str, tables.Mount],
        read(tables.mounts),
        Row(
            "table: path → bucket's URL or the table below",
            "buckets; with one, every change of a service rolls",
            "`file_mounts`",
        ),
    ] = pydantic.Field({})
    model_cache: typing.Annotated[
        str | None,
        read(fields.absolute),
        Row(
            "path of a volume or mount",
            "where models are kept, so that the next machine need not download them",
            "`HF_HOME` in `envs`",
            "the machine's own disk",
        ),
    ] = None
    labels: typing.Annotated[
        dict[str, str],
        read(fields.labels),
        Row("table of strings", "labels (tags) of the machines", "`resources.labels`"),
    ] = pydantic.Field({})
    config: typing.Annotated[
        dict[str, object],
        read(fields.section),
        Row("table", "SkyPilot's configuration for this task, such as a `pod_config`", "`config`"),
    ] = pydantic.Field({})
    replicas: typing.Annotated[
        tables.Replicas,
        Row("number, or the table below", "how many", "`service.replica_policy`", "1"),
    ] = tables.Replicas(min=1, max=1)
    load_balancing: typing.Annotated[
        tables.LoadBalancing,
        Row("the table below", "how requests are shared out", "`service`", "see there"),
    ] = tables.LoadBalancing()
    readiness_probe: typing.Annotated[
        tables.ReadinessProbe,
        Row(
            "the table below",
            "when a replica counts as ready",
            "`service.readiness_probe`",
            "see there",
        ),
    ] = tables.ReadinessProbe()
    tls: typing.Annotated[
        tables.Tls | None,
        Row("the table below", "HTTPS at the load balancer", "`service.tls`"),
    ] = None
    update_mode: typing.Annotated[
        typing.Literal["rolling", "blue-green"],
        Row(
            "`rolling`, `blue-green`",
            "`blue-green`: the old version answers everything until the new one is ready",
            "`sky serve update --mode`",
        ),
    ] = "rolling"
    autostop: typing.Annotated[
        tables.Autostop | None,
        Row("the table below", "when an idle cluster is given up", "`resources.autostop`"),
    ] = None
    timeouts: typing.Annotated[
        tables.Timeouts,
        Row("the table below", "how long `pulumi` waits", "", "see there"),
    ] = tables.Timeouts()
