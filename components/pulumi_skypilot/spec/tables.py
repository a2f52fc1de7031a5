"""The tables within a deployment of how it serves, and the words that all tables share."""

import re
import typing
from collections.abc import Mapping

import pydantic

from .. import errors
from . import fields, readers, values
from .fields import Row, read

UPSCALE_DELAY_SECONDS = 300
DOWNSCALE_DELAY_SECONDS = 1200
"""SkyServe's own defaults (sky/serve/constants.py, AUTOSCALER_DEFAULT_UPSCALE_DELAY_SECONDS and
_DOWNSCALE_), filled in so that a review sees them."""

STREAM_TIMEOUT_SECONDS = 1800
"""How long SkyServe waits for a replica's next byte. Its own 120 s (sky/serve/constants.py,
DEFAULT_LB_STREAM_TIMEOUT) cut off a reasoning model that answers in one piece."""

Count = typing.Annotated[int, read(readers.whole(0, "a number of replicas"))]
Seconds = typing.Annotated[int, read(readers.whole(0, "seconds"))]
Interval = typing.Annotated[int, read(readers.whole(1, "seconds"))]
Word = typing.Annotated[str, read(fields.word)]


def _target_qps(value: object) -> float | dict[str, float]:
    number = readers.positive("requests per second and replica")
    if not isinstance(value, Mapping):
        return number(value)
    if not value:
        raise errors.ValueRefused("the table is empty; write e.g. {H100: 5, L4: 1}")
    return {str(gpu): number(one) for gpu, one in value.items()}


class Replicas(fields.Strict):
    """How many replicas: a fixed number, or a range that follows the requests per second."""

    EXPECTED = "a number or a table"
    EXAMPLE = "2"

    min: typing.Annotated[
        Count,
        Row(
            "number",
            "at least so many; 0: the first request wakes one, and fails until it is ready",
            path="service.replica_policy.min_replicas",
        ),
    ]
    max: typing.Annotated[
        Count, Row("number", "at most so many", path="service.replica_policy.max_replicas")
    ]
    target_qps: typing.Annotated[
        float | dict[str, float] | None,
        read(_target_qps),
        Row(
            "requests/s, or a table `{H100: 5, L4: 1}`",
            "what one replica is to take; as a table, each GPU of `accelerators` its own, which "
            "chooses the load balancing policy `instance_aware_least_load`",
            path="service.replica_policy.target_qps_per_replica",
            default="none; required where `min` and `max` differ",
        ),
    ] = None
    upscale_delay: typing.Annotated[
        Seconds | None,
        Row(
            "s",
            "how long the load must ask for more",
            path="service.replica_policy.upscale_delay_seconds",
            default=f"{UPSCALE_DELAY_SECONDS}, with `targetQps`",
        ),
    ] = None
    downscale_delay: typing.Annotated[
        Seconds | None,
        Row(
            "s",
            "how long it must ask for fewer",
            path="service.replica_policy.downscale_delay_seconds",
            default=f"{DOWNSCALE_DELAY_SECONDS}, with `targetQps`",
        ),
    ] = None
    overprovision: typing.Annotated[
        Count | None,
        Row(
            "number",
            "so many more than the load asks for",
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


class Spot(fields.Strict):
    """Machines that the cloud may take back, and what stands in for them meanwhile."""

    fallback: typing.Annotated[
        typing.Literal["on-demand"] | None,
        Row(
            "`on-demand`",
            "an on-demand machine stands in while there is no spot one",
            path="service.replica_policy.dynamic_ondemand_fallback",
        ),
    ] = None
    on_demand: typing.Annotated[
        int | None,
        read(readers.whole(1, "a number of replicas")),
        Row(
            "number",
            "so many of the replicas are always on-demand",
            path="service.replica_policy.base_ondemand_fallback_replicas",
        ),
    ] = None


def spot(value: object) -> object:
    """True and false for machines that the cloud may take back, or the table."""
    if isinstance(value, bool):
        return {} if value else None
    if not isinstance(value, Mapping | None):
        raise errors.ValueRefused(
            f"expected true, false or a table, got {readers.got(value)}; write "
            "`spot: true` or `spot: {fallback: on-demand}`"
        )
    return value


class LoadBalancing(fields.Strict):
    """How SkyServe's load balancer shares requests out."""

    EXAMPLE = "{policy: round_robin}"

    policy: typing.Annotated[
        typing.Literal["least_load", "round_robin", "instance_aware_least_load"] | None,
        Row(
            "`least_load`, `round_robin`, `instance_aware_least_load`",
            "which replica gets a request",
            path="service.load_balancing_policy",
            default="SkyServe's, `least_load`; `instance_aware_least_load` with a table of "
            "`targetQps`",
        ),
    ] = None
    stream_timeout: typing.Annotated[
        Interval,
        Row(
            "s",
            "how long it waits for a replica's next byte: SkyServe's own 120 s cut off a reasoning "
            "model that answers in one piece",
            path="service.load_balancer.stream_timeout_seconds",
        ),
    ] = STREAM_TIMEOUT_SECONDS


def _probe_path(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"(?=/)(/[\w~-][\w.~-]*)*/?", value, re.A):
        raise errors.ValueRefused(f"{readers.shown(value)} is not a path such as /health")
    return value


def _post_data(value: object) -> str | dict[str, object]:
    found = readers.plain(value)
    if isinstance(found, str | dict) and found:
        return found
    raise errors.ValueRefused(f"{readers.shown(value)} is neither a table nor a text of JSON")


class ReadinessProbe(fields.Strict):
    """When SkyServe counts a replica as ready.

    initialDelay: 65 GB of weights (gpt-oss-120b) at 100 MB/s take 11 minutes, installing vLLM and
    compiling some 5 more; doubled, since a replica that is late is thrown away and tried again.
    timeout, interval: SkyServe's defaults (sky/serve/constants.py,
    DEFAULT_READINESS_PROBE_TIMEOUT_SECONDS and DEFAULT_ENDPOINT_PROBE_INTERVAL_SECONDS).
    """

    EXAMPLE = "{initialDelay: 3600}"

    path: typing.Annotated[
        str,
        read(_probe_path),
        Row(
            "path",
            "what SkyServe asks, and everybody may: no inference unless `auth: none`, and nothing "
            "that administers the engine; another one rolls",
            path="service.readiness_probe.path",
        ),
    ] = "/health"
    initial_delay: typing.Annotated[
        Interval,
        Row(
            "s",
            "a replica not ready by then, its machine up, is thrown away and tried again; "
            "`pulumi up` waits so long and 15 minutes more",
            path="service.readiness_probe.initial_delay_seconds",
        ),
    ] = 1800
    timeout: typing.Annotated[
        Interval,
        Row(
            "s",
            "for one answer; a replica that is late once gets no request until it answers the next",
            path="service.readiness_probe.timeout_seconds",
        ),
    ] = 15
    interval: typing.Annotated[
        Interval,
        Row(
            "s",
            "between two probes",
            path="service.readiness_probe.endpoint_probe_interval_seconds",
        ),
    ] = 10
    post_data: typing.Annotated[
        str | dict[str, typing.Any] | None,
        read(_post_data),
        Row(
            "table, or a text of JSON",
            "a POST with this body instead of a GET",
            path="service.readiness_probe.post_data",
        ),
    ] = None
    headers: typing.Annotated[
        dict[str, str] | None,
        read(readers.strings),
        Row(
            "table of strings",
            "headers of the probe, in plain sight",
            path="service.readiness_probe.headers",
        ),
    ] = None


class Tls(fields.Strict):
    """What the load balancer proves itself with."""

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
            "key of a secret in this config", "its private key, in PEM", path="service.tls.keyfile"
        ),
    ] = pydantic.Field(repr=False)


class Timeouts(fields.Strict):
    """How long `pulumi` waits for each of its calls."""

    EXAMPLE = "{ready: 3600}"

    create: typing.Annotated[Interval | None, Row("s", "for it to be made")] = None
    update: typing.Annotated[Interval | None, Row("s", "for it to be changed")] = None
    delete: typing.Annotated[Interval | None, Row("s", "for it to be gone")] = None
    ready: typing.Annotated[
        Interval | None,
        Row(
            "s",
            "for the model to answer",
            default="`readinessProbe.initialDelay` and 15 minutes more",
        ),
    ] = None
