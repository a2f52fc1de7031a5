"""The keys that decide the size and the command of a model server: model, machines, flags of vLLM.

Each key with a flag of vLLM is here, so that `vllmArgs` can refuse these flags, and so is each key
that the fit of the memory reads. deployment.py adds the rest: what surrounds the server (variables,
image, files, disk, labels) and how the deployment serves (replicas, balancer, probe, waits).
"""

import typing
from collections.abc import Mapping, Sequence

import pydantic

from . import annotations, fields, model_tables, readers, tables
from .annotations import Kind, Row, read
from .fields import Accelerator


def _fewest_gpus(data: dict[str, typing.Any]) -> int:
    """Return the GPUs of one machine, for the alternative with the fewest."""
    return min((gpu.count for gpu in data.get("accelerators", ())), default=1)


class Served(annotations.Strict):
    """The model that is served, the machines that it gets, and the flags of vLLM."""

    def layer_gpus(self, count: int) -> int:
        """Return the GPUs that each layer is split over on a machine with `count` of them."""
        return count if self.tensor_parallel == "all" else self.tensor_parallel

    @property
    def first_name(self) -> str:
        """Return the model name that clients send and that answers have."""
        return self.served_name[0]

    kind: typing.Annotated[
        Kind,
        Row(
            "`service`, `cluster`",
            "`service`: replicas behind a load balancer; `cluster`: one cluster without a balancer",
            becomes="`sky serve up` or `sky launch`",
        ),
    ] = "service"
    model: typing.Annotated[
        str,
        read(fields.model),
        Row(
            "`org/name` or absolute path",
            "model on Hugging Face, or a folder on the machine",
            becomes="`vllm serve MODEL`",
        ),
    ]
    revision: typing.Annotated[
        tables.Word | None,
        Row(
            "word",
            "branch, tag or commit of the model",
            flag="revision",
            default="the model's newest",
        ),
    ] = None
    served_name: typing.Annotated[
        tuple[str, ...],
        read(fields.names),
        Row(
            "word, or a list",
            "model name that clients send; every name of a list is answered, and answers, metrics, "
            "the wait and the output `model` have the first",
            flag="served-model-name",
            default="`model`",
            takes=str | Sequence[str],
        ),
    ] = pydantic.Field(default_factory=lambda data: (data.get("model", ""),))
    model_task: typing.Annotated[
        model_tables.Task | None,
        Row(
            "`generate`, `embed`, `rerank`",
            "what the model does with a text: continue it, turn it into a vector, or score it "
            "against a query; [which paths that opens](how-to/embeddings.md)",
            shared="runner",
            default="what the catalogue says of the model, else vLLM's choice",
        ),
    ] = None
    accelerators: typing.Annotated[
        tuple[Accelerator, ...],
        read(fields.accelerators),
        Row(
            "`NAME:COUNT`, a list, or a table `{H100: 1, H200: 1}`: any of these",
            "GPUs of one machine, by SkyPilot's names; `NAME` means `NAME:1`",
            takes=str | Sequence[str | Mapping[str, int]] | Mapping[str, int],
            path="resources.accelerators",
            default="none: CPU",
        ),
    ] = ()
    nodes: typing.Annotated[
        int,
        read(readers.whole(1, "a number of machines")),
        Row(
            "number",
            "machines that the model is split over",
            flag="nnodes",
            unless=1,
            path="num_nodes",
        ),
    ] = 1
    cpus: typing.Annotated[
        str | None,
        read(readers.quantity("a number of CPUs")),
        Row(
            'number or `"8+"`',
            "CPUs of one machine; without GPUs, this or `memory` is required",
            takes=int | float | str,
            path="resources.cpus",
            default="SkyPilot's choice",
        ),
    ] = None
    memory: typing.Annotated[
        str | None,
        read(readers.quantity("GiB of memory", readers.GIB)),
        Row(
            'GiB, `64GB`, `1Ti` or `"32+"`',
            "memory of one machine",
            takes=int | float | str,
            path="resources.memory",
            default="SkyPilot's choice",
        ),
    ] = None
    instance_type: typing.Annotated[
        tables.Word | None,
        Row(
            "word",
            "a cloud's own name for a machine type; SkyPilot looks it up in its list on GitHub, "
            "from the machine that runs `pulumi`",
            path="resources.instance_type",
            default="SkyPilot's choice",
        ),
    ] = None
    max_hourly_cost: typing.Annotated[
        float | None,
        read(readers.positive("USD an hour")),
        Row(
            "USD/h",
            "SkyPilot takes only machines that cost no more, by its catalogue: spot prices for a "
            "spot machine, else on-demand prices; not on machines of your own",
            path="resources.max_hourly_cost",
            default="no limit",
        ),
    ] = None
    infra: typing.Annotated[
        tuple[str, ...],
        read(fields.infra),
        Row(
            "`cloud`, `cloud/region`, `cloud/region/zone`, `k8s/CONTEXT`, `ssh/POOL`, "
            "`{cloud: aws, region: us-east-1}`, or a list: any of these",
            "places where machines may run",
            takes=str | Sequence[str | Mapping[str, str]] | Mapping[str, str],
            path=("resources.infra", "resources.any_of"),
            default="anywhere, cheapest first",
        ),
    ] = ()
    spot: typing.Annotated[
        tables.Spot | None,
        read(tables.spot),
        Row(
            "`true`, `false` or the table below",
            "machines that the cloud may take back",
            takes=bool | tables.Spot,
            path="resources.use_spot",
            default="`false`",
        ),
    ] = None
    context: typing.Annotated[
        int | None,
        read(readers.whole(1, "tokens", readers.TOKENS)),
        Row(
            "tokens",
            "longest request, prompt and answer together",
            flag="max-model-len",
            default="the model's longest",
        ),
    ] = None
    tensor_parallel: typing.Annotated[
        int | typing.Literal["all"],
        read(fields.tensor_parallel),
        Row(
            "GPUs, or `all`",
            "GPUs that each layer is split over; `all` means every GPU of the machine; required "
            "when the accelerators' counts differ",
            flag="tensor-parallel-size",
            unless=1,
            default="the accelerators' count",
        ),
    ] = pydantic.Field(default_factory=_fewest_gpus)
    pipeline_parallel: typing.Annotated[
        int,
        read(readers.whole(1, "a number of stages")),
        Row(
            "stages",
            "groups that the layers are divided among; each has `tensorParallel` GPUs",
            flag="pipeline-parallel-size",
            unless=1,
            default="`nodes`",
        ),
    ] = pydantic.Field(default_factory=lambda data: data.get("nodes", 1))
    trust_remote_code: typing.Annotated[
        pydantic.StrictBool,
        read(readers.truth),
        Row(
            "`true`, `false`",
            "run the Python code that the model's repository brings; pin `revision` with it",
            flag="trust-remote-code",
            unless=False,
        ),
    ] = False
    dtype: typing.Annotated[
        typing.Literal["auto", "bfloat16", "float16"],
        Row(
            "`auto`, `bfloat16`, `float16`",
            "type of weights and activations that are not quantized",
            flag="dtype",
            unless="auto",
        ),
    ] = "auto"
    quantization: typing.Annotated[
        tables.Word | None,
        Row(
            "word",
            "vLLM's name for the quantization of the weights",
            flag="quantization",
            default="what the model's files say",
        ),
    ] = None
    kv_cache_dtype: typing.Annotated[
        tables.Word | None,
        Row(
            "word",
            "type of the KV cache, such as `fp8`",
            flag="kv-cache-dtype",
            default="what the model's recipe recommends, else `auto`",
        ),
    ] = None
    max_sequences: typing.Annotated[
        int | None,
        read(readers.whole(1, "a number of requests")),
        Row(
            "requests",
            "most requests that run at a time",
            flag="max-num-seqs",
            default="vLLM's, by GPU",
        ),
    ] = None
    max_batched_tokens: typing.Annotated[
        int | None,
        read(readers.whole(1, "tokens", readers.TOKENS)),
        Row(
            "tokens",
            "most tokens in one step of the engine",
            flag="max-num-batched-tokens",
            default="what the model's recipe recommends, else vLLM's",
        ),
    ] = None
    optimize: typing.Annotated[
        typing.Literal["balanced", "latency", "throughput"],
        Row(
            "`balanced`, `latency`, `throughput`",
            "what the server is to be good at; [what is known of "
            "it](performance.md#latency-or-throughput)",
            becomes="`--max-num-batched-tokens`, unless `maxBatchedTokens` is set",
        ),
    ] = "balanced"
    tools: typing.Annotated[
        pydantic.StrictBool,
        read(readers.truth),
        Row(
            "`true`, `false`",
            "tool calls, with the parser from the catalogue; for a model without one set "
            "`vllmArgs.tool-call-parser`",
            becomes="`--tool-call-parser`, `--enable-auto-tool-choice`",
        ),
    ] = False
    tool_server: typing.Annotated[
        tuple[str, ...],
        read(model_tables.tool_server),
        Row(
            "`demo`, `HOST:PORT`, or a list of these addresses",
            "tools that the server itself runs in `/v1/responses`, for gpt-oss: MCP servers, or "
            "vLLM's `demo` browser and Python; [off by default](guide.md#tools-that-the-server-"
            "runs), since whoever has the key then has the model run code and open pages there",
            shared="tool-server",
            default="none",
            takes=str | Sequence[str],
        ),
    ] = ()
    reasoning_parser: typing.Annotated[
        tables.Word | None,
        Row(
            "word",
            "vLLM's parser that separates reasoning from the answer",
            flag="reasoning-parser",
            default="vLLM's own for gpt-oss",
        ),
    ] = None
    reasoning_effort: typing.Annotated[
        typing.Literal["low", "medium", "high"] | None,
        Row(
            "`low`, `medium`, `high`",
            "reasoning effort for requests that set none",
            becomes="a `--middleware` that fills in requests",
            default="the model's",
        ),
    ] = None
    lora: typing.Annotated[
        model_tables.Lora | None,
        Row("the table below", "LoRA adapters beside the model", shared="enable-lora"),
    ] = None
    speculation: typing.Annotated[
        model_tables.Speculation | None,
        Row("the table below", "speculative decoding", becomes="`--spec-method`"),
    ] = None
    per_prompt: typing.Annotated[
        dict[str, int],
        read(model_tables.per_prompt),
        Row(
            "table: `image`, `video`, `audio` → number",
            "most images, videos and audio files of a prompt; with `{image: 0, video: 0}` vLLM "
            "loads no vision tower",
            shared="limit-mm-per-prompt",
            default="vLLM's, as many as fit the context",
        ),
    ] = pydantic.Field({})
    vllm_args: typing.Annotated[
        dict[str, object],
        Row(
            "table: flag without dashes → value",
            "further flags; they override the recommended ones. `true` becomes `--flag`, `false` "
            "`--no-flag`, a list several values, a table JSON",
            becomes="`--FLAG VALUE`",
            default="what the model's recipe recommends for the GPU",
        ),
    ] = pydantic.Field({})

    @pydantic.field_validator("vllm_args", mode="before")
    @classmethod
    def _more_flags(cls, value: object) -> object:
        return fields.flags(value, annotations.keyed(cls))
