"""A model's own files, from the Hugging Face hub or from a folder: never its weights.

The only module that asks the hub, and only for `pulumi-skypilot models add`: no preview does. The
hub is asked by huggingface_hub, an extra of this package, so that tokens, mirrors (HF_ENDPOINT) and
gated models are as everywhere.
"""

import dataclasses
import json
import os
import pathlib
import struct
import tempfile
import typing
from collections.abc import Mapping

TIMEOUT_SECONDS = 20
LARGEST = 100 * 2**20
"""Bytes of one file; the index of a model of a trillion parameters has about 20 MiB."""

CONFIG = "config.json"
INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
MODELOPT = "hf_quant_config.json"
"""Where NVIDIA's ModelOpt says how weights are stored, if config.json does not
(vllm.transformers_utils.config.get_config)."""


class Wrong(Exception):
    """Why a model's files could not be read, in one line."""


@dataclasses.dataclass(frozen=True)
class Found:
    """What a model's files say."""

    config: Mapping[str, typing.Any]
    source: str
    """Where they were read, for a reader."""
    tensor_bytes: int | None = None
    """Of all tensors in the files of weights; None where nothing tells."""
    tensors: frozenset[str] = frozenset()
    """Their names."""
    gated: bool = False
    """Whether the hub gives the files only to accounts that were let in."""


def folder(path: pathlib.Path) -> Found:
    """Return what the files of a local folder say. Raises Wrong."""
    if not path.is_dir():
        raise Wrong(f"{path}: no such folder")
    if not (path / CONFIG).is_file():
        raise Wrong(f"{path}: there is no config.json in it")
    found = _read(path, str(path))
    single = path / SINGLE
    if found.tensor_bytes is None and not found.tensors and single.is_file():
        with single.open("rb") as file:
            size, names = _of_header(file, str(single))
        return dataclasses.replace(found, tensor_bytes=size, tensors=names)
    return found


def model(name: str, revision: str = "main") -> Found:
    """Return what the files of a model on the hub say. Raises Wrong."""
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        raise Wrong(f"{name}: HF_HUB_OFFLINE is set; read its files with --from FOLDER")
    repository = _Repository(name, revision)
    info = repository.info()
    there = {file.rfilename for file in info.siblings or ()}
    if CONFIG not in there:
        raise Wrong(
            f"{name}: there is no config.json at revision {revision}; only models in the Hugging "
            "Face layout can be added"
        )
    with tempfile.TemporaryDirectory() as temporary:
        for file in (CONFIG, MODELOPT, INDEX):
            if file in there:
                repository.download(file, info.sha, temporary)
        found = _read(pathlib.Path(temporary), name)
    if INDEX not in there and SINGLE in there:
        size, names = repository.tensors(info.sha)
        found = dataclasses.replace(found, tensor_bytes=size, tensors=names)
    source = f"https://huggingface.co/{name}/tree/{info.sha}"
    return dataclasses.replace(found, source=source, gated=bool(info.gated))


class _Repository:
    """One model at one revision, asked by huggingface_hub."""

    def __init__(self, name: str, revision: str) -> None:
        try:
            import huggingface_hub  # noqa: PLC0415 - an extra
            from huggingface_hub import errors as hub_errors  # noqa: PLC0415
            from huggingface_hub import utils  # noqa: PLC0415
        except ImportError:
            raise Wrong(
                f"{name}: the hub is read with huggingface_hub; `pip install "
                "'pulumi-skypilot[hub]'`, or read the model's files with --from FOLDER"
            ) from None
        utils.disable_progress_bars()
        self.name, self.revision = name, revision
        self.endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co"
        self._token, self._errors = huggingface_hub.get_token, hub_errors
        self._api = huggingface_hub.HfApi(endpoint=self.endpoint)

    def info(self) -> typing.Any:
        """Return what the hub says of the model. Raises Wrong."""
        return self._asked(
            lambda: self._api.model_info(self.name, revision=self.revision, timeout=TIMEOUT_SECONDS)
        )

    def download(self, file: str, commit: str, into: str) -> None:
        """Write one of the model's files into a folder. Raises Wrong."""
        self._asked(
            lambda: self._api.hf_hub_download(
                self.name, file, revision=commit, local_dir=into, etag_timeout=TIMEOUT_SECONDS
            )
        )

    def tensors(self, commit: str) -> tuple[int, frozenset[str]]:
        """Return bytes and names of the tensors of a model in one file. Raises Wrong."""
        header = self._asked(
            lambda: self._api.parse_safetensors_file_metadata(self.name, SINGLE, revision=commit)
        )
        ends = [tensor.data_offsets for tensor in header.tensors.values()]
        return sum(end - start for start, end in ends), frozenset(header.tensors)

    def _asked(self, ask: typing.Callable[[], typing.Any]) -> typing.Any:
        """Return the hub's answer. Raises Wrong, which says what to do."""
        known = self._errors
        try:
            return ask()
        except known.GatedRepoError as error:
            raise self._gated(error.response.status_code) from None
        except known.RevisionNotFoundError:
            raise Wrong(
                f"{self.name}: it has no revision {self.revision}; leave --revision out"
            ) from None
        except known.RepositoryNotFoundError:
            raise self._missing() from None
        except known.HfHubHTTPError as error:
            status = error.response.status_code
            if status in (401, 403):
                raise self._gated(status) from None
            if status == 404:  # a mirror that does not say of what
                raise self._missing() from None
            raise Wrong(f"{self.name}: {self.endpoint} answers HTTP {status}; try again") from None
        except known.SafetensorsParsingError:
            raise Wrong(f"{self.name}, {SINGLE}: it is no safetensors file") from None
        except Exception as error:  # noqa: BLE001 - of the HTTP client, which is the library's choice
            reason = " ".join(str(error).split()) or type(error).__name__
            raise Wrong(
                f"{self.name}: {self.endpoint} cannot be reached ({reason}); try again, set "
                "HF_ENDPOINT to a mirror, or read the model's files with --from FOLDER"
            ) from None

    def _gated(self, status: int) -> Wrong:
        told = "with your HF_TOKEN" if self._token() else "without HF_TOKEN"
        return Wrong(
            f"{self.name}: gated, and not open to you {told} (HTTP {status}); accept its terms at "
            f"https://huggingface.co/{self.name} and set HF_TOKEN, or read its files with --from "
            "FOLDER"
        )

    def _missing(self) -> Wrong:
        return Wrong(
            f"{self.name}: no such model on {self.endpoint}, or one that is private; look at its "
            "name, or set HF_TOKEN"
        )


def _read(path: pathlib.Path, where: str) -> Found:
    """Return what the small files in a folder say."""
    config = _table(path / CONFIG, where)
    if not config.get("quantization_config") and (path / MODELOPT).is_file():
        stored = _table(path / MODELOPT, where).get("quantization") or {}
        config["quantization_config"] = {"quant_method": "modelopt", **stored}
    size, names = None, frozenset[str]()
    if (path / INDEX).is_file():
        index = _table(path / INDEX, where)
        size = (index.get("metadata") or {}).get("total_size")
        names = frozenset(index.get("weight_map") or ())
    return Found(config, "a folder", int(size) if size else None, names)


def _table(path: pathlib.Path, where: str) -> dict[str, typing.Any]:
    if path.stat().st_size > LARGEST:
        raise Wrong(f"{where}, {path.name}: more than {LARGEST // 2**20} MiB; it is no such file")
    return _json(path.read_bytes(), f"{where}, {path.name}")


def _json(content: bytes, where: str) -> dict[str, typing.Any]:
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Wrong(f"{where}: it holds no JSON table")
    return found


def _of_header(file: typing.BinaryIO, where: str) -> tuple[int, frozenset[str]]:
    """Return bytes and names of the tensors in a file: eight bytes of length, then JSON."""
    start = file.read(8)
    length = struct.unpack("<Q", start)[0] if len(start) == 8 else LARGEST + 1
    if length > LARGEST:
        raise Wrong(f"{where}: it is no safetensors file")
    table = _json(file.read(length), where)
    table.pop("__metadata__", None)
    sizes = [one["data_offsets"][1] - one["data_offsets"][0] for one in table.values()]
    return sum(sizes), frozenset(table)
