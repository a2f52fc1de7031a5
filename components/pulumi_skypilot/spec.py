"""What a stack may say of one deployment: strict, frozen, and every mistake told at once."""

import dataclasses
import re
import typing
from collections.abc import Iterator, Mapping, Sequence

import pydantic
from pydantic import alias_generators

from . import catalog, reading, words

UPSCALE_DELAY_SECONDS = 300
DOWNSCALE_DELAY_SECONDS = 1200
"""SkyServe's own defaults (sky/serve/constants.py:72-76), filled in so that a review sees them."""

API_KEYS = "SERVE_API_KEYS"
"""The secret that carries the keys of a service to its replicas."""


@dataclasses.dataclass(frozen=True)
class Problem:
    """One mistake: the top-level key it belongs to, and one line that says what to do."""

    property: str
    reason: str


class SpecError(ValueError):
    """Every problem of a spec, told at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.reason for problem in problems))
        self.problems = tuple(problems)


@dataclasses.dataclass(frozen=True)
class Accelerator:
    """A GPU by SkyPilot's name, and how many of it."""

    name: str
    count: int

    def __str__(self) -> str:
        return f"{self.name}:{self.count}"


class _Strict(pydantic.BaseModel):
    """Unknown keys are refused; a key without a value counts as not written."""

    model_config = pydantic.ConfigDict(
        frozen=True, extra="forbid", alias_generator=alias_generators.to_camel
    )

    @pydantic.model_validator(mode="before")
    @classmethod
    def _without_empty(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        return {key: value for key, value in data.items() if value is not None}


def _read(reader: object) -> pydantic.BeforeValidator:
    return pydantic.BeforeValidator(typing.cast("typing.Any", reader))


_Replicas = typing.Annotated[int, _read(reading.whole(0, "a number of replicas"))]
_Seconds = typing.Annotated[int, _read(reading.whole(0, "seconds"))]
_Interval = typing.Annotated[int, _read(reading.whole(1, "seconds"))]


class Replicas(_Strict):
    """How many replicas: a fixed number, or a range that follows the requests per second."""

    min: _Replicas
    max: _Replicas
    target_qps: (
        typing.Annotated[float, _read(reading.positive("requests per second and replica"))] | None
    ) = None
    upscale_delay: _Seconds | None = None
    downscale_delay: _Seconds | None = None

    @pydantic.model_validator(mode="before")
    @classmethod
    def _fill(cls, data: object) -> object:
        if isinstance(data, int | float):
            return {"min": data, "max": data}
        if not isinstance(data, Mapping) or data.get("targetQps") is None:
            return data
        delays = {"upscaleDelay": UPSCALE_DELAY_SECONDS, "downscaleDelay": DOWNSCALE_DELAY_SECONDS}
        return {**delays, **{key: value for key, value in data.items() if value is not None}}

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> typing.Self:
        if self.min > self.max:
            raise reading.Wrong(f"min {self.min} is above max {self.max}; lower min or raise max")
        if self.target_qps is not None:
            return self
        if self.min != self.max:
            raise reading.Wrong(
                f"from {self.min} to {self.max} needs a target; add targetQps, the requests per "
                "second that one replica is to take"
            )
        if (self.upscale_delay, self.downscale_delay) != (None, None):
            raise reading.Wrong(
                "a fixed number is not scaled; leave the delays out or add targetQps"
            )
        return self


class Spot(_Strict):
    """Machines that the cloud may take back, and what stands in for them meanwhile."""

    fallback: typing.Literal["on-demand"] | None = None


def _probe_path(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"/[\w./~-]*", value):
        raise reading.Wrong(f"{reading.shown(value)} is not a path such as /health")
    if value.split("/")[1] == "v1":
        raise reading.Wrong(f"{value} needs the API key, which SkyServe's probe lacks; use /health")
    return value


class ReadinessProbe(_Strict):
    """When SkyServe counts a replica as ready.

    initialDelay: 65 GB of weights (gpt-oss-120b) at 100 MB/s take 11 minutes, installing vLLM and
    compiling some 5 more; doubled, since a replica that is late is thrown away and tried again.
    timeout, interval: SkyServe's defaults (sky/serve/constants.py:52, 59).
    """

    path: typing.Annotated[str, _read(_probe_path)] = "/health"
    initial_delay: _Interval = 1800
    timeout: _Interval = 15
    interval: _Interval = 10


def _spot(value: object) -> object:
    if isinstance(value, bool):
        return {} if value else None
    if not isinstance(value, Mapping | None):
        raise reading.Wrong(
            f"{reading.shown(value)} is neither true, false nor {{fallback: on-demand}}"
        )
    return value


def _model(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"[\w.-]+/[\w.-]+|/\S+", value):
        return value
    name = reading.shown(value)
    near = words.nearest(name, [known.split("/")[1] for known in catalog.models()])
    full = next((known for known in catalog.models() if near and known.endswith(f"/{near}")), None)
    raise reading.Wrong(
        f"{name} is neither org/name as on Hugging Face nor an absolute path"
        + (f"; did you mean {full}?" if full else "; write e.g. openai/gpt-oss-20b")
    )


def _word(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"\S+", value):
        raise reading.Wrong(f"{reading.shown(value)} is not a word without spaces")
    return value


def _accelerators(value: object) -> tuple[Accelerator, ...]:
    found = tuple(Accelerator(*reading.accelerator(text)) for text in reading.one_or_many(value))
    names = [one.name for one in found]
    if len(set(names)) != len(names):
        raise reading.Wrong(f"{', '.join(names)}: name each GPU once")
    return found


def _infra(value: object) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_place(text) for text in reading.one_or_many(value)))


def _place(text: str) -> str:
    """One infra string, its cloud in lower case (sky/utils/infra_utils.py:65)."""
    name, *rest = (part.strip() for part in text.strip().split("/"))
    if catalog.cloud(name) is None:
        raise reading.Wrong(
            f"{reading.shown(text)}: no cloud {reading.shown(name)} in SkyPilot; "
            f"{words.did_you_mean(name, catalog.cloud_names())}"
        )
    free = name.lower() in ("k8s", "kubernetes", "ssh")  # a context's name may hold slashes
    if "" in rest or (len(rest) > 2 and not free):
        raise reading.Wrong(
            f"{reading.shown(text)} is not cloud, cloud/region or cloud/region/zone"
        )
    return "/".join([name.lower(), *rest])


_OWNED = {
    "host": "the service listens where SkyServe looks",
    "port": "the service listens where SkyServe looks",
    "uds": "the service listens where SkyServe looks",
    "root-path": "the service answers where SkyServe looks",
    "ssl-keyfile": "SkyServe asks replicas in plain HTTP",
    "ssl-certfile": "SkyServe asks replicas in plain HTTP",
    "ssl-ca-certs": "SkyServe asks replicas in plain HTTP",
    "api-key": "the keys are made for you",
    "config": "the file with the keys takes its place",
    "hf-token": "put HF_TOKEN into secrets",
    "model": "write model",
    "served-model-name": "write servedName",
    "max-model-len": "write context",
    "tensor-parallel-size": "write tensorParallel",
    "dtype": "write dtype",
}
"""Flags that this package sets itself, and what to do instead."""


def _flags(value: object) -> dict[str, object]:
    table = reading.flags(value)
    for flag in table:
        if flag in _OWNED:
            raise reading.Wrong(f"{flag} is not free; {_OWNED[flag]}")
    return table


def _variables(value: object) -> dict[str, str]:
    table = reading.strings(value)
    for name in table:
        if not reading.ENV_NAME.fullmatch(name):
            raise reading.Wrong(
                f"{reading.shown(name)} is no name of a variable; use A-Z, 0-9 and _"
            )
        if name.startswith("SKYPILOT_") or name in (API_KEYS, "VLLM_API_KEY"):
            raise reading.Wrong(f"{name} is taken; choose another name")
    return table


def _image(value: object) -> str:
    image = _word(value)
    if re.fullmatch(r"(?!projects/)[\w.-]+(/[\w.-]+)+(:[\w.-]+)?(@sha256:\w+)?", image):
        raise reading.Wrong(f"{image} looks like a container image; write docker:{image}")
    return image


def _labels(value: object) -> dict[str, str]:
    table = reading.strings(value)
    for key, label in table.items():
        if not key or re.search(r"\s", key + label):
            raise reading.Wrong(
                f"{reading.shown(key)}: {reading.shown(label)} has spaces or no key"
            )
    return table


class Spec(_Strict):
    """One model served as a SkyServe service."""

    model: typing.Annotated[str, _read(_model)]
    served_name: typing.Annotated[str, _read(_word)] = pydantic.Field(
        default_factory=lambda data: data.get("model", "")
    )
    accelerators: typing.Annotated[tuple[Accelerator, ...], _read(_accelerators)] = ()
    cpus: typing.Annotated[str, _read(reading.quantity("a number of CPUs"))] | None = None
    memory: typing.Annotated[str, _read(reading.quantity("GiB of memory"))] | None = None
    infra: typing.Annotated[tuple[str, ...], _read(_infra)] = ()
    context: typing.Annotated[int, _read(reading.whole(1, "tokens"))] | None = None
    tensor_parallel: typing.Annotated[int, _read(reading.whole(1, "a number of GPUs"))] = (
        pydantic.Field(
            default_factory=lambda data: min(
                (a.count for a in data.get("accelerators", ())), default=1
            )
        )
    )
    dtype: typing.Literal["auto", "bfloat16", "float16"] = "auto"
    tools: pydantic.StrictBool = False
    vllm_args: typing.Annotated[dict[str, object], _read(_flags)] = {}
    env: typing.Annotated[dict[str, str], _read(_variables)] = pydantic.Field({}, repr=False)
    secrets: typing.Annotated[dict[str, str], _read(_variables)] = pydantic.Field({}, repr=False)
    image: typing.Annotated[str, _read(_image)] | None = None
    disk: typing.Annotated[int, _read(reading.whole(1, "GiB"))] | None = None
    replicas: Replicas = Replicas(min=1, max=1)
    spot: typing.Annotated[Spot | None, _read(_spot)] = None
    readiness_probe: ReadinessProbe = ReadinessProbe()
    labels: typing.Annotated[dict[str, str], _read(_labels)] = {}


def parse(data: Mapping[str, object]) -> Spec:
    """The spec that a stack's table means. Raises SpecError with everything that is wrong."""
    try:
        spec = Spec.model_validate(data)
    except pydantic.ValidationError as error:
        raise SpecError([Problem(*one) for one in reading.reasons(error, Spec)]) from None
    problems = list(_crosswise(spec))
    if problems:
        raise SpecError(problems)
    return spec


def to_inputs(spec: Spec) -> dict[str, object]:
    """The spec as plain data, defaults filled in: what a reviewer reads and parse reads again."""
    data = spec.model_dump(by_alias=True, exclude_none=True)
    data["accelerators"] = _one_or_list([str(one) for one in spec.accelerators])
    data["infra"] = _one_or_list(list(spec.infra))
    for key in ("cpus", "memory"):
        if key in data and not data[key].endswith("+"):
            data[key] = float(data[key])
    replicas = spec.replicas
    if replicas.target_qps is None:
        data["replicas"] = replicas.min
    data["spot"] = bool(spec.spot) if not (spec.spot and spec.spot.fallback) else data["spot"]
    plain = typing.cast("dict[str, object]", reading.plain(data))
    return {key: value for key, value in plain.items() if value not in ({}, [])}


def check_name(
    name: str, infra: Sequence[str] = (), *, service_account: bool = False
) -> Problem | None:
    """What SkyPilot or a cloud would not take in a service's name; None when it is good.

    A machine is named NAME-ID-USER, with 8 characters for a person and 19 for a service account;
    where that is too long, SkyPilot cuts it down to two characters of a hash
    (sky/utils/common_utils.py:263), which two services may share.
    """
    if not re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", name):
        # '_' is a wildcard to `serve down` and shares files with '-' (sky/serve/serve_utils.py:618)
        return Problem(
            "name", f"name: {reading.shown(name)} is not a-z, 0-9 and - beginning with a letter"
        )
    if re.search(r"-\d+$", name):
        return Problem(
            "name", f"name: {name} ends like a replica of another service; drop the number"
        )
    for prefix in _CONTROLLERS:
        if name.startswith(prefix):
            return Problem("name", f"name: {prefix}... is SkyPilot's own; choose another name")
    suffix = len("-999") + 1 + (19 if service_account else 8)
    limits = [
        (cloud.name_limit - suffix, cloud.name)
        for cloud in map(catalog.cloud, infra or _ANYWHERE)
        if cloud is not None and cloud.name_limit is not None
    ]
    limit, cloud_name = min(limits, default=(len(name), ""))
    if len(name) > limit:
        return Problem(
            "name",
            f"name: {name} has {len(name)} characters; {cloud_name} leaves {limit}, the replica's "
            "number and the user's hash included; shorten it",
        )
    return None


_CONTROLLERS = ("sky-serve-controller", "sky-jobs-controller")
_ANYWHERE = ("aws", "azure", "gcp", "kubernetes")
"""Without infra SkyPilot may choose any cloud; SCP's 28 characters would leave nearly none."""


def _crosswise(spec: Spec) -> Iterator[Problem]:
    """What is wrong between one key and another."""
    if not spec.accelerators and spec.cpus is None and spec.memory is None:
        yield Problem(
            "accelerators",
            "accelerators: it is missing; name a GPU such as H100:1, or cpus and memory to serve "
            "without one",
        )
    counts = {one.count for one in spec.accelerators}
    listed = ", ".join(map(str, spec.accelerators))
    if len(counts) > 1 and "tensor_parallel" not in spec.model_fields_set:
        yield Problem(
            "tensorParallel", f"tensorParallel: {listed} differ in number; say how many GPUs to use"
        )
    elif counts and spec.tensor_parallel > min(counts):
        yield Problem(
            "tensorParallel",
            f"tensorParallel: {spec.tensor_parallel} is more than the GPUs of {listed}; lower it "
            "or ask for more GPUs",
        )
    for name in sorted(spec.env.keys() & spec.secrets.keys()):
        yield Problem("env", f"env.{name}: it is in secrets too; keep one of them")
    for key, value in spec.labels.items():
        for place in spec.infra:
            cloud = catalog.cloud(place)
            if cloud and cloud.label_key and not cloud.label_key.match(key):
                yield Problem("labels", f"labels.{key}: {cloud.name} refuses this key; change it")
            if cloud and cloud.label_value and not cloud.label_value.match(value):
                yield Problem(
                    "labels",
                    f"labels.{key}: {cloud.name} refuses {reading.shown(value)}; change it",
                )


def _one_or_list(items: list[str]) -> str | list[str]:
    return items[0] if len(items) == 1 else items
