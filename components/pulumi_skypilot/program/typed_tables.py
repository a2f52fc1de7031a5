# Written by `python -m scripts.reference` from the fields in spec/.
"""The types of the tables within a spec, for the programs that write one."""

import typing
from collections.abc import Mapping, Sequence

import pulumi


class SpotSpec(typing.TypedDict, total=False):
    """Machines that the cloud may take back, and their on-demand replacements."""

    fallback: pulumi.Input[typing.Literal["on-demand"] | None]
    """An on-demand machine serves while no spot machine is available."""
    onDemand: pulumi.Input[int | None]
    """Replicas that are always on-demand."""
    placer: pulumi.Input[typing.Literal["dynamic_fallback"] | None]
    """SkyServe spreads spot machines over the places of `infra`, and leaves a place out after
    machines were taken back there; one kind of GPU.
    """


class LoraSpec(typing.TypedDict, total=False):
    """LoRA adapters, which are served beside the model under names of their own."""

    adapters: pulumi.Input[Mapping[str, pulumi.Input[str]] | None]
    """Adapters on Hugging Face or in folders of the machine, by the model name that clients
    send.
    """
    maxRank: pulumi.Input[int | None]
    """Largest rank of an adapter (`r` in its `adapter_config.json`). Default: vLLM's, 16."""
    maxLoaded: pulumi.Input[int | None]
    """Adapters that one batch may use; the GPU has room for so many, whether they are used or
    not. Default: vLLM's, 1.
    """


class SpeculationSpec(typing.TypedDict, total=False):
    """Speculative decoding: tokens are guessed, and the model checks all guesses at once."""

    method: typing.Required[pulumi.Input[typing.Literal["ngram", "eagle3", "mtp"]]]
    """`ngram`: from the tokens before; `eagle3`: by a small model that was trained for this
    one; `mtp`: by layers of the model's own.
    """
    model: pulumi.Input[str | None]
    """The small model of `eagle3`."""
    tokens: typing.Required[pulumi.Input[int]]
    """Tokens that are guessed at a time."""


class ImageCredentialsSpec(typing.TypedDict, total=False):
    """The login to the registry of a private image."""

    server: typing.Required[pulumi.Input[str]]
    """Address of the registry."""
    username: typing.Required[pulumi.Input[str]]
    """User name at the registry."""
    password: typing.Required[pulumi.Input[str]]
    """The user's password or token."""


class WorkdirSpec(typing.TypedDict, total=False):
    """The content of the folder in which `setup` and vLLM start."""

    path: pulumi.Input[str | None]
    """A local folder; every launch uploads it."""
    digest: pulumi.Input[str | None]
    """Digest of the folder's content; filled in for you, so that a change is detected.
    Default: computed from the folder.
    """
    url: pulumi.Input[str | None]
    """A Git repository instead of a local folder."""
    ref: pulumi.Input[str | None]
    """Branch, tag or commit of the repository. Default: the default branch."""


class MountSpec(typing.TypedDict, total=False):
    """A bucket that appears as a folder on the machine."""

    source: typing.Required[pulumi.Input[str]]
    """`s3://…`, `gs://…`, `hf://…` or another URL that SkyPilot supports."""
    mode: pulumi.Input[typing.Literal["mount", "cached", "copy"] | None]
    """`mount`: files are read on access; `cached`: with a cache on disk; `copy`: files are
    copied to the disk at the start. Default: `'mount'`.
    """


class TolerationSpec(typing.TypedDict, total=False):
    """A taint of nodes on which the pod may run all the same."""

    key: pulumi.Input[str | None]
    """Key of the taint. Default: every taint, with `operator."""
    operator: pulumi.Input[typing.Literal["Equal", "Exists"] | None]
    """`Equal`: the taint has that `value`; `Exists`: it may have any. Default: `'Equal'`."""
    value: pulumi.Input[str | None]
    """Value of the taint, with `Equal`."""
    effect: pulumi.Input[typing.Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None]
    """Effect of the taint. Default: every effect."""
    tolerationSeconds: pulumi.Input[int | None]
    """Time that the pod stays on a node that gets the taint, with `NoExecute`. Default: for
    ever.
    """


class PodSpec(typing.TypedDict, total=False):
    """Settings of the pods that are a deployment's machines."""

    nodeSelector: pulumi.Input[Mapping[str, pulumi.Input[str]] | None]
    """Labels that a node must have."""
    tolerations: pulumi.Input[Sequence[pulumi.Input[TolerationSpec]] | None]
    """Taints of nodes on which it may run all the same."""
    priorityClass: pulumi.Input[str | None]
    """PriorityClass: who is evicted for whom. Default: the cluster's."""
    serviceAccount: pulumi.Input[str | None]
    """Service account of the namespace that SkyPilot uses; what runs in the pod has its
    rights. Default: SkyPilot's.
    """
    imagePullSecrets: pulumi.Input[str | Sequence[pulumi.Input[str]] | None]
    """Secrets of Kubernetes with the login to the image's registry; they replace those of
    SkyPilot's own configuration.
    """
    sharedMemory: pulumi.Input[int | str | None]
    """Most that /dev/shm may hold; it is memory of the pod. Default: the memory of the pod or
    its node.
    """
    annotations: pulumi.Input[Mapping[str, pulumi.Input[str]] | None]
    """Annotations of the pods."""
    terminationGracePeriod: pulumi.Input[int | None]
    """How long the server goes on answering when its node is drained. Default: 30
    (Kubernetes').
    """


class ReplicasSpec(typing.TypedDict, total=False):
    """The number of replicas: fixed, or a range that follows the requests per second."""

    min: typing.Required[pulumi.Input[int]]
    """Fewest replicas; with 0 the first request starts one, and requests fail until it is
    ready.
    """
    max: typing.Required[pulumi.Input[int]]
    """Most replicas."""
    targetQps: pulumi.Input[float | Mapping[str, pulumi.Input[float]] | None]
    """Target load of one replica; a table gives one target for each GPU of `accelerators` and
    selects the load balancing policy `instance_aware_least_load`. Default: none; required
    where `min` and `max` differ.
    """
    upscaleDelay: pulumi.Input[int | None]
    """Time that the load must be higher before replicas are added. Default: 300, with
    `targetQps`.
    """
    downscaleDelay: pulumi.Input[int | None]
    """Time that the load must be lower before replicas are removed. Default: 1200, with
    `targetQps`.
    """
    overprovision: pulumi.Input[int | None]
    """Replicas beyond the number that the load needs."""


class LoadBalancingSpec(typing.TypedDict, total=False):
    """The settings of SkyServe's load balancer."""

    policy: pulumi.Input[
        typing.Literal["least_load", "round_robin", "instance_aware_least_load"] | None
    ]
    """Rule that chooses the replica for a request. Default: SkyServe's, `least_load`;
    `instance_aware_least_load` with a table of `targetQps`.
    """
    streamTimeout: pulumi.Input[int | None]
    """Longest wait for a replica's next byte; SkyServe's own 120 s would cut off a reasoning
    model that does not stream. Default: `1800`.
    """


class ReadinessProbeSpec(typing.TypedDict, total=False):
    """The probe by which SkyServe counts a replica as ready."""

    path: pulumi.Input[str | None]
    """Path that SkyServe requests, open to everyone without a key; an inference path only
    with `auth: none`, a path that administers the engine never; a change rolls. Default:
    `'/health'`.
    """
    initialDelay: pulumi.Input[int | None]
    """Time for a replica to become ready once its machine is up; SkyServe replaces a later
    one; `pulumi up` waits 15 minutes longer. Default: `1800`.
    """
    timeout: pulumi.Input[int | None]
    """Time for one answer; a replica that misses it gets no request until it answers again.
    Default: `15`.
    """
    interval: pulumi.Input[int | None]
    """Time between two probes. Default: `10`."""
    failureTimeout: pulumi.Input[int | None]
    """Time for which probes of a replica that was ready may fail until SkyServe replaces it.
    Default: SkyServe's, 180.
    """
    postData: pulumi.Input[str | Mapping[str, typing.Any] | None]
    """Body of a POST that replaces the GET."""
    headers: pulumi.Input[Mapping[str, pulumi.Input[str]] | None]
    """Headers of the probe; not secret."""


class TlsSpec(typing.TypedDict, total=False):
    """The certificate of the load balancer."""

    certificate: typing.Required[pulumi.Input[str]]
    """The certificate and its chain, in PEM."""
    key: typing.Required[pulumi.Input[str]]
    """The private key of the certificate, in PEM."""


class AutostopSpec(typing.TypedDict, total=False):
    """The stop of an idle cluster."""

    idle: typing.Required[pulumi.Input[int]]
    """Time without a request, by vLLM's own count; the machine stops 3 to 4 minutes later."""
    then: pulumi.Input[typing.Literal["stop", "down"] | None]
    """`stop` keeps the disk, `down` terminates the machine; spot machines cannot stop.
    Default: `'stop'`.
    """


class TimeoutsSpec(typing.TypedDict, total=False):
    """The time that `pulumi` waits for each call."""

    create: pulumi.Input[int | None]
    """Longest wait for a create."""
    update: pulumi.Input[int | None]
    """Longest wait for an update."""
    delete: pulumi.Input[int | None]
    """Longest wait for a delete."""
    ready: pulumi.Input[int | None]
    """Longest wait for the model's first answer. Default: `readinessProbe.initialDelay` plus
    15 minutes; 35 minutes for a cluster.
    """
