# Written by `python -m scripts.reference` from the fields in spec/.
"""The types of a deployment and a volume, for the programs that write one.

The keys are those of a stack file. Where a stack file names a secret of its config, a program
gives the secret itself.
"""

import typing
from collections.abc import Mapping, Sequence

import pulumi

from .typed_tables import (
    AutostopSpec,
    ImageCredentialsSpec,
    LoadBalancingSpec,
    LoraSpec,
    MountSpec,
    PodSpec,
    ReadinessProbeSpec,
    ReplicasSpec,
    SpeculationSpec,
    SpotSpec,
    TimeoutsSpec,
    TlsSpec,
    WorkdirSpec,
)


class DeploymentSpec(typing.TypedDict, total=False):
    """A model that is served by a SkyServe service or by one SkyPilot cluster."""

    kind: typing.Literal["service", "cluster"] | None
    """`service`: replicas behind a load balancer; `cluster`: one cluster without a balancer.
    Default: `'service'`.
    """
    model: typing.Required[pulumi.Input[str]]
    """Model on Hugging Face, or a folder on the machine."""
    revision: pulumi.Input[str | None]
    """Branch, tag or commit of the model. Default: the model's newest."""
    servedName: pulumi.Input[str | Sequence[pulumi.Input[str]] | None]
    """Model name that clients send; every name of a list is answered, and answers, metrics,
    the wait and the output `model` have the first. Default: `model`.
    """
    modelTask: pulumi.Input[typing.Literal["generate", "embed", "rerank"] | None]
    """What the model does with a text: continue it, turn it into a vector, or score it
    against a query; which paths that opens. Default: what the catalogue says of the model,
    else vLLM's choice.
    """
    accelerators: pulumi.Input[
        str
        | Sequence[pulumi.Input[str | Mapping[str, pulumi.Input[int]]]]
        | Mapping[str, pulumi.Input[int]]
        | None
    ]
    """GPUs of one machine, by SkyPilot's names; `NAME` means `NAME:1`."""
    nodes: pulumi.Input[int | None]
    """Machines that the model is split over. Default: `1`."""
    cpus: pulumi.Input[int | float | str | None]
    """CPUs of one machine; without GPUs, this or `memory` is required. Default: SkyPilot's
    choice.
    """
    memory: pulumi.Input[int | float | str | None]
    """Memory of one machine. Default: SkyPilot's choice."""
    instanceType: pulumi.Input[str | None]
    """A cloud's own name for a machine type; SkyPilot looks it up in its list on GitHub, from
    the machine that runs `pulumi`. Default: SkyPilot's choice.
    """
    maxHourlyCost: pulumi.Input[float | None]
    """SkyPilot takes only machines that cost no more, by its catalogue: spot prices for a
    spot machine, else on-demand prices; not on machines of your own. Default: no limit.
    """
    infra: pulumi.Input[
        str
        | Sequence[pulumi.Input[str | Mapping[str, pulumi.Input[str]]]]
        | Mapping[str, pulumi.Input[str]]
        | None
    ]
    """Places where machines may run. Default: anywhere, cheapest first."""
    spot: pulumi.Input[bool | SpotSpec | None]
    """Machines that the cloud may take back. Default: `false`."""
    context: pulumi.Input[int | None]
    """Longest request, prompt and answer together. Default: the model's longest."""
    tensorParallel: pulumi.Input[int | typing.Literal["all"] | None]
    """GPUs that each layer is split over; `all` means every GPU of the machine; required when
    the accelerators' counts differ. Default: the accelerators' count.
    """
    pipelineParallel: pulumi.Input[int | None]
    """Groups that the layers are divided among; each has `tensorParallel` GPUs. Default:
    `nodes`.
    """
    trustRemoteCode: pulumi.Input[bool | None]
    """Run the Python code that the model's repository brings; pin `revision` with it.
    Default: `False`.
    """
    dtype: pulumi.Input[typing.Literal["auto", "bfloat16", "float16"] | None]
    """Type of weights and activations that are not quantized. Default: `'auto'`."""
    quantization: pulumi.Input[str | None]
    """vLLM's name for the quantization of the weights. Default: what the model's files say."""
    kvCacheDtype: pulumi.Input[str | None]
    """Type of the KV cache, such as `fp8`. Default: what the model's recipe recommends, else
    `auto`.
    """
    maxSequences: pulumi.Input[int | None]
    """Most requests that run at a time. Default: vLLM's, by GPU."""
    maxBatchedTokens: pulumi.Input[int | None]
    """Most tokens in one step of the engine. Default: what the model's recipe recommends,
    else vLLM's.
    """
    optimize: pulumi.Input[typing.Literal["balanced", "latency", "throughput"] | None]
    """What the server is to be good at; what is known of it. Default: `'balanced'`."""
    tools: pulumi.Input[bool | None]
    """Tool calls, with the parser from the catalogue; for a model without one set
    `vllmArgs.tool-call-parser`. Default: `False`.
    """
    toolServer: pulumi.Input[str | Sequence[pulumi.Input[str]] | None]
    """Tools that the server itself runs in `/v1/responses`, for gpt-oss: MCP servers, or
    vLLM's `demo` browser and Python; off by default, since whoever has the key then has the
    model run code and open pages there.
    """
    reasoningParser: pulumi.Input[str | None]
    """vLLM's parser that separates reasoning from the answer. Default: vLLM's own for
    gpt-oss.
    """
    reasoningEffort: pulumi.Input[typing.Literal["low", "medium", "high"] | None]
    """Reasoning effort for requests that set none. Default: the model's."""
    lora: pulumi.Input[LoraSpec | None]
    """LoRA adapters beside the model."""
    speculation: pulumi.Input[SpeculationSpec | None]
    """Speculative decoding."""
    perPrompt: pulumi.Input[Mapping[str, pulumi.Input[int]] | None]
    """Most images, videos and audio files of a prompt; with `{image: 0, video: 0}` vLLM loads
    no vision tower. Default: vLLM's, as many as fit the context.
    """
    vllmArgs: pulumi.Input[Mapping[str, typing.Any] | None]
    """Further flags; they override the recommended ones. `true` becomes `--flag`, `false`
    `--no-flag`, a list several values, a table JSON. Default: what the model's recipe
    recommends for the GPU.
    """
    env: pulumi.Input[Mapping[str, pulumi.Input[str]] | None]
    """Environment variables of the machines; not secret."""
    secrets: pulumi.Input[Mapping[str, pulumi.Input[str]] | None]
    """Secret environment variables of the machines."""
    host: pulumi.Input[str | None]
    """Host of `endpoint` instead of the one that SkyPilot reports, such as a DNS name or an
    ingress; scheme, port and path stay. Default: SkyPilot's; `skypilot:serveHost` when the
    controller runs in the API server.
    """
    auth: typing.Literal["key", "none"] | None
    """`key`: requests need the API key; `none`: everyone who reaches the endpoint is served.
    Default: `'key'`.
    """
    ports: pulumi.Input[int | str | Sequence[pulumi.Input[int | str]] | None]
    """Further ports that SkyPilot opens on each machine to everyone who reaches it, for
    servers that `setup` starts; no key guards them, and the endpoint does not lead there.
    """
    image: pulumi.Input[str | None]
    """Image that the machine boots from or runs in; vLLM is installed unless it has a `vllm`
    command. Default: SkyPilot's, with vLLM installed.
    """
    imageCredentials: pulumi.Input[ImageCredentialsSpec | None]
    """Login to the registry of a private image."""
    setup: pulumi.Input[str | None]
    """Commands that run after vLLM's installation and before vLLM starts."""
    workdir: pulumi.Input[str | WorkdirSpec | None]
    """Files in the folder in which `setup` and vLLM start."""
    disk: pulumi.Input[int | str | None]
    """Size of the disk; the model and vLLM must fit. Default: 256 (SkyPilot's)."""
    diskTier: pulumi.Input[typing.Literal["low", "medium", "high", "ultra", "best"] | None]
    """Speed of the disk. Default: SkyPilot's, `medium`."""
    networkTier: pulumi.Input[typing.Literal["standard", "best"] | None]
    """`best`: the fastest network of the machine, for several nodes. Default: SkyPilot's,
    `standard`.
    """
    volumes: pulumi.Input[Mapping[str, pulumi.Input[str]] | None]
    """Volumes: keys of `llm:volumes`, or names of SkyPilot volumes."""
    mounts: pulumi.Input[Mapping[str, pulumi.Input[str | MountSpec]] | None]
    """Buckets; a service with a bucket rolls at every change."""
    modelCache: pulumi.Input[str | Mapping[str, pulumi.Input[str]] | None]
    """Folder that keeps the model, so that the next machine does not download it; a volume
    that `volumes` does not mount is mounted at `/model-cache`. Default: the machine's own
    disk.
    """
    labels: pulumi.Input[Mapping[str, pulumi.Input[str]] | None]
    """Labels (tags) of the machines."""
    config: pulumi.Input[Mapping[str, typing.Any] | None]
    """SkyPilot's configuration for this task; the fields of a `pod_config` are checked."""
    pod: pulumi.Input[PodSpec | None]
    """Settings of the pods, on Kubernetes and `ssh`."""
    replicas: pulumi.Input[int | ReplicasSpec | None]
    """Number of replicas. Default: 1. For a service only."""
    loadBalancing: pulumi.Input[LoadBalancingSpec | None]
    """Distribution of requests among replicas. For a service only."""
    readinessProbe: pulumi.Input[ReadinessProbeSpec | None]
    """Check that a replica is ready. For a service only."""
    tls: pulumi.Input[TlsSpec | None]
    """HTTPS at the load balancer. For a service only."""
    updateMode: pulumi.Input[typing.Literal["rolling", "blue-green"] | None]
    """`blue-green`: the old version answers every request until the new one is ready.
    Default: `'rolling'`. For a service only.
    """
    autostop: pulumi.Input[AutostopSpec | None]
    """Stop of an idle cluster. For a cluster only."""
    timeouts: pulumi.Input[TimeoutsSpec | None]
    """Longest waits of `pulumi`."""


class VolumeSpec(typing.TypedDict, total=False):
    """Storage that outlives the machines that mount it."""

    infra: pulumi.Input[str | None]
    """Place of the volume, and so of the machines that mount it; `k8s` alone: the context
    that SkyPilot chooses. Default: `'k8s'`.
    """
    size: pulumi.Input[int | str | None]
    """Size. Default: required, except with `existing`."""
    storageClass: pulumi.Input[str | None]
    """Storage class of Kubernetes (`kubectl get storageclass`). Default: the cluster's
    default class.
    """
    accessMode: pulumi.Input[
        typing.Literal["ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany", "ReadOnlyMany"] | None
    ]
    """Who may mount it: one machine (`ReadWriteOnce`), or all replicas (`ReadWriteMany`),
    which needs a class of shared storage. Default: `ReadWriteOnce`; with `existing`, the
    claim's.
    """
    namespace: pulumi.Input[str | None]
    """Namespace of the claim; it must be that of the pods. Default: the context's."""
    existing: pulumi.Input[str | None]
    """Claim (PersistentVolumeClaim) that is there already; SkyPilot registers it under this
    name, and never deletes it.
    """
    retain: pulumi.Input[bool | None]
    """`true`: `pulumi destroy` leaves the volume and its data; `false`: it deletes them.
    Default: `True`.
    """
