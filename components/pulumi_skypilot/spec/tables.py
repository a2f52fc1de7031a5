"""The tables of how a deployment serves, and the types that all tables share."""

import re
import typing
from collections.abc import Mapping

import pydantic

from .. import errors
from . import annotations, fields, readers, values
from .annotations import Row, read

UPSCALE_DELAY_SECONDS = 300
DOWNSCALE_DELAY_SECONDS = 1200
"""SkyServe's own defaults (sky/serve/constants.py, AUTOSCALER_DEFAULT_UPSCALE_DELAY_SECONDS and
_DOWNSCALE_). They are written out so that a reviewer sees them."""

STREAM_TIMEOUT_SECONDS = 1800
"""The time that SkyServe waits for a replica's next byte. Its own default of 120 s
(sky/serve/constants.py, DEFAULT_LB_STREAM_TIMEOUT) cuts off a reasoning model that does not
stream."""

Count = typing.Annotated[int, read(readers.whole(0, "a number of replicas"))]
Seconds = typing.Annotated[int, read(readers.whole(0, "seconds", readers.SECONDS))]
Interval = typing.Annotated[int, read(readers.whole(1, "seconds", readers.SECONDS))]
Word = typing.Annotated[str, read(fields.word)]


def _target_qps(value: object) -> float | dict[str, float]:
    number = readers.positive("requests per second and replica")
    if not isinstance(value, Mapping):
        return number(value)
    if not value:
        raise errors.ValueRefused("the table is empty; write e.g. {H100: 5, L4: 1}")
    return {str(gpu): number(rate) for gpu, rate in value.items()}


class Replicas(annotations.Strict):
    """The number of replicas: fixed, or a range that follows the requests per second."""

    EXPECTED = "a number or a table"
    EXAMPLE = "2"

    min: typing.Annotated[
        Count,
        Row(
            "number",
            "fewest replicas; with 0 the first request starts one, and requests fail until it is "
            "ready",
            path="service.replica_policy.min_replicas",
        ),
    ]
    max: typing.Annotated[
        Count, Row("number", "most replicas", path="service.replica_policy.max_replicas")
    ]
    target_qps: typing.Annotated[
        float | dict[str, float] | None,
        read(_target_qps),
        Row(
            "requests/s, or a table `{H100: 5, L4: 1}`",
            "target load of one replica; a table gives one target for each GPU of `accelerators` "
            "and selects the load balancing policy `instance_aware_least_load`",
            path="service.replica_policy.target_qps_per_replica",
            default="none; required where `min` and `max` differ",
        ),
    ] = None
    upscale_delay: typing.Annotated[
        Seconds | None,
        Row(
            "s",
            "time that the load must be higher before replicas are added",
            path="service.replica_policy.upscale_delay_seconds",
            default=f"{UPSCALE_DELAY_SECONDS}, with `targetQps`",
        ),
    ] = None
    downscale_delay: typing.Annotated[
        Seconds | None,
        Row(
            "s",
            "time that the load must be lower before replicas are removed",
            path="service.replica_policy.downscale_delay_seconds",
            default=f"{DOWNSCALE_DELAY_SECONDS}, with `targetQps`",
        ),
    ] = None
    overprovision: typing.Annotated[
        Count | None,
        Row(
            "number",
            "replicas beyond the number that the load needs",
            path="service.replica_policy.num_overprovision",
        ),
    ] = None

    @pydantic.model_validator(mode="before")
    @classmethod
    def _fill(cls, data: object) -> object:
        data = readers.written(data)
        if isinstance(data, int | float):
            number = readers.whole(0, "a number of replicas")(data)
            return {"min": number, "max": number}
        if not isinstance(data, Mapping) or data.get("targetQps") is None:
            return data
        delays = {"upscaleDelay": UPSCALE_DELAY_SECONDS, "downscaleDelay": DOWNSCALE_DELAY_SECONDS}
        return {**delays, **{key: value for key, value in data.items() if value is not None}}

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> typing.Self:
        if self.min > self.max:
            raise errors.ValueRefused(
                f"min {self.min} is above max {self.max}; lower min or raise max"
            )
        if self.target_qps is not None:
            return self
        if self.min != self.max:
            raise errors.ValueRefused(
                f"from {self.min} to {self.max} needs a target; add targetQps, the requests per "
                "second that one replica is to take"
            )
        if (self.upscale_delay, self.downscale_delay) != (None, None):
            raise errors.ValueRefused(
                "a fixed number is not scaled; leave the delays out or add targetQps"
            )
        return self


class Spot(annotations.Strict):
    """Machines that the cloud may take back, and their on-demand replacements."""

    fallback: typing.Annotated[
        typing.Literal["on-demand"] | None,
        Row(
            "`on-demand`",
            "an on-demand machine serves while no spot machine is available",
            path="service.replica_policy.dynamic_ondemand_fallback",
        ),
    ] = None
    on_demand: typing.Annotated[
        int | None,
        read(readers.whole(1, "a number of replicas")),
        Row(
            "number",
            "replicas that are always on-demand",
            path="service.replica_policy.base_ondemand_fallback_replicas",
        ),
    ] = None
    placer: typing.Annotated[
        typing.Literal["dynamic_fallback"] | None,
        Row(
            "`dynamic_fallback`",
            "SkyServe spreads spot machines over the places of `infra`, and leaves a place out "
            "after machines were taken back there; one kind of GPU",
            path="service.replica_policy.spot_placer",
            default="none: the cheapest place each time",
        ),
    ] = None


def spot(value: object) -> object:
    """Return the table for true or a table, None for false."""
    value = readers.truth(value)
    if isinstance(value, bool):
        return {} if value else None
    if not isinstance(value, Mapping | None):
        raise errors.ValueRefused(
            f"expected true, false or a table, got {readers.got(value)}; write "
            "`spot: true` or `spot: {fallback: on-demand}`"
        )
    return value


class LoadBalancing(annotations.Strict):
    """The settings of SkyServe's load balancer."""

    EXAMPLE = "{policy: round_robin}"

    policy: typing.Annotated[
        typing.Literal["least_load", "round_robin", "instance_aware_least_load"] | None,
        Row(
            "`least_load`, `round_robin`, `instance_aware_least_load`",
            "rule that chooses the replica for a request",
            path="service.load_balancing_policy",
            default="SkyServe's, `least_load`; `instance_aware_least_load` with a table of "
            "`targetQps`",
        ),
    ] = None
    stream_timeout: typing.Annotated[
        Interval,
        Row(
            "s",
            "longest wait for a replica's next byte; SkyServe's own 120 s would cut off a "
            "reasoning model that does not stream",
            path="service.load_balancer.stream_timeout_seconds",
        ),
    ] = STREAM_TIMEOUT_SECONDS


def _probe_path(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"(?=/)(/[\w~-][\w.~-]*)*/?", value, re.A):
        raise errors.ValueRefused(f"{readers.shown(value)} is not a path such as /health")
    return value


def _post_data(value: object) -> str | dict[str, object]:
    data = readers.plain(value)
    if isinstance(data, str | dict) and data:
        return data
    raise errors.ValueRefused(f"{readers.shown(value)} is neither a table nor a text of JSON")


class ReadinessProbe(annotations.Strict):
    """The probe by which SkyServe counts a replica as ready.

    initialDelay: 65 GB of weights (gpt-oss-120b) take 11 minutes at 100 MB/s. Installing vLLM and
    compiling take about 5 more. The sum is doubled, since SkyServe replaces a late replica.
    timeout, interval: SkyServe's defaults (sky/serve/constants.py,
    DEFAULT_READINESS_PROBE_TIMEOUT_SECONDS and DEFAULT_ENDPOINT_PROBE_INTERVAL_SECONDS).
    """

    EXAMPLE = "{initialDelay: 3600}"

    path: typing.Annotated[
        str,
        read(_probe_path),
        Row(
            "path",
            "path that SkyServe requests, open to everyone without a key; an inference path only "
            "with `auth: none`, a path that administers the engine never; a change rolls",
            path="service.readiness_probe.path",
        ),
    ] = "/health"
    initial_delay: typing.Annotated[
        Interval,
        Row(
            "s",
            "time for a replica to become ready once its machine is up; SkyServe replaces a later "
            "one; `pulumi up` waits 15 minutes longer",
            path="service.readiness_probe.initial_delay_seconds",
        ),
    ] = 1800
    timeout: typing.Annotated[
        Interval,
        Row(
            "s",
            "time for one answer; a replica that misses it gets no request until it answers again",
            path="service.readiness_probe.timeout_seconds",
        ),
    ] = 15
    interval: typing.Annotated[
        Interval,
        Row(
            "s",
            "time between two probes",
            path="service.readiness_probe.endpoint_probe_interval_seconds",
        ),
    ] = 10
    failure_timeout: typing.Annotated[
        Interval | None,
        Row(
            "s",
            "time for which probes of a replica that was ready may fail until SkyServe replaces it",
            path="service.readiness_probe.consecutive_failure_threshold_timeout",
            default="SkyServe's, 180",
        ),
    ] = None
    post_data: typing.Annotated[
        str | dict[str, typing.Any] | None,
        read(_post_data),
        Row(
            "table, or a text of JSON",
            "body of a POST that replaces the GET",
            path="service.readiness_probe.post_data",
        ),
    ] = None
    headers: typing.Annotated[
        dict[str, str] | None,
        read(readers.strings),
        Row(
            "table of strings",
            "headers of the probe; not secret",
            path="service.readiness_probe.headers",
        ),
    ] = None


class Tls(annotations.Strict):
    """The certificate of the load balancer."""

    EXAMPLE = "{certificate: tlsCertificate, key: tlsKey}"

    certificate: typing.Annotated[
        values.Value,
        Row(
            "key of a secret in this config",
            "the certificate and its chain, in PEM",
            path="service.tls.certfile",
        ),
    ] = pydantic.Field(repr=False)
    key: typing.Annotated[
        values.Value,
        Row(
            "key of a secret in this config",
            "the private key of the certificate, in PEM",
            path="service.tls.keyfile",
        ),
    ] = pydantic.Field(repr=False)


class Timeouts(annotations.Strict):
    """The time that `pulumi` waits for each call."""

    EXAMPLE = "{ready: 3600}"

    create: typing.Annotated[Interval | None, Row("s", "longest wait for a create")] = None
    update: typing.Annotated[Interval | None, Row("s", "longest wait for an update")] = None
    delete: typing.Annotated[Interval | None, Row("s", "longest wait for a delete")] = None
    ready: typing.Annotated[
        Interval | None,
        Row(
            "s",
            "longest wait for the model's first answer",
            default="`readinessProbe.initialDelay` plus 15 minutes; 35 minutes for a cluster",
        ),
    ] = None
