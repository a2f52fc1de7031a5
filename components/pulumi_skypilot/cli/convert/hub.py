"""A model's own files, from the Hugging Face hub or from a folder, without its weights.

The only module that asks the hub, and only for `pulumi-skypilot models add`: no preview does. It
uses huggingface_hub, an extra of this package, so tokens, mirrors (HF_ENDPOINT) and gated models
work as in other tools.
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
"""Largest size of a file in bytes; the index of a trillion-parameter model has about 20 MiB."""

CONFIG = "config.json"
INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
MODELOPT = "hf_quant_config.json"
"""File in which NVIDIA's ModelOpt describes the quantization, if config.json does not
(vllm.transformers_utils.config.get_config)."""


class Wrong(Exception):
    """A model's files cannot be read; the message is one line."""


@dataclasses.dataclass(frozen=True)
class ModelFiles:
    """The contents of a model's files."""

    config: Mapping[str, typing.Any]
    source: str
    """Where they were read, for a human."""
    tensor_bytes: int | None = None
    """Bytes of all tensors in the weight files; None if no file says."""
    tensors: frozenset[str] = frozenset()
    """Their names."""
    gated: bool = False
    """True if the hub gives the files only to accounts with access."""


def folder(path: pathlib.Path) -> ModelFiles:
    """Return the contents of a model's files in a local folder. Raises Wrong."""
    if not path.is_dir():
        raise Wrong(f"{path}: no such folder")
    if not (path / CONFIG).is_file():
        raise Wrong(f"{path}: no config.json in this folder")
    files = _read(path, str(path))
    single = path / SINGLE
    if files.tensor_bytes is None and not files.tensors and single.is_file():
        with single.open("rb") as file:
            size, names = _of_header(file, str(single))
        return dataclasses.replace(files, tensor_bytes=size, tensors=names)
    return files


def model(name: str, revision: str = "main") -> ModelFiles:
    """Return the contents of a model's files on the hub. Raises Wrong."""
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        raise Wrong(f"{name}: HF_HUB_OFFLINE is set; read its files with --from FOLDER")
    repository = _Repository(name, revision)
    info = repository.info()
    present = {file.rfilename for file in info.siblings or ()}
    if CONFIG not in present:
        raise Wrong(
            f"{name}: there is no config.json at revision {revision}; only models in the Hugging "
            "Face layout can be added"
        )
    with tempfile.TemporaryDirectory() as temporary:
        for file in (CONFIG, MODELOPT, INDEX):
            if file in present:
                repository.download(file, info.sha, temporary)
        files = _read(pathlib.Path(temporary), name)
    if INDEX not in present and SINGLE in present:
        size, names = repository.tensors(info.sha)
        files = dataclasses.replace(files, tensor_bytes=size, tensors=names)
    source = f"https://huggingface.co/{name}/tree/{info.sha}"
    return dataclasses.replace(files, source=source, gated=bool(info.gated))


class _Repository:
    """A model at a revision, read with huggingface_hub."""

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
        """Return the hub's description of the model. Raises Wrong."""
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
        """Return the bytes and names of the tensors of a single-file model. Raises Wrong."""
        header = self._asked(
            lambda: self._api.parse_safetensors_file_metadata(self.name, SINGLE, revision=commit)
        )
        ends = [tensor.data_offsets for tensor in header.tensors.values()]
        return sum(end - start for start, end in ends), frozenset(header.tensors)

    def _asked(self, ask: typing.Callable[[], typing.Any]) -> typing.Any:
        """Return the hub's answer. Raises Wrong with a way to proceed."""
        known = self._errors
        try:
            return ask()
        except known.GatedRepoError as error:
            raise self._gated(error.response.status_code) from None
        except known.RevisionNotFoundError:
            raise Wrong(f"{self.name}: no revision {self.revision}; leave --revision out") from None
        except known.RepositoryNotFoundError:
            raise self._missing() from None
        except known.HfHubHTTPError as error:
            status = error.response.status_code
            if status in (401, 403):
                raise self._gated(status) from None
            if status == 404:  # a mirror that gives no reason
                raise self._missing() from None
            raise Wrong(f"{self.name}: {self.endpoint} answers HTTP {status}; try again") from None
        except known.SafetensorsParsingError:
            raise Wrong(f"{self.name}, {SINGLE}: not a safetensors file") from None
        except Exception as error:  # noqa: BLE001 - the library chooses its HTTP client
            reason = " ".join(str(error).split()) or type(error).__name__
            raise Wrong(
                f"{self.name}: {self.endpoint} cannot be reached ({reason}); try again, set "
                "HF_ENDPOINT to a mirror, or read the model's files with --from FOLDER"
            ) from None

    def _gated(self, status: int) -> Wrong:
        token = "with your HF_TOKEN" if self._token() else "without HF_TOKEN"
        return Wrong(
            f"{self.name}: gated, and not open to you {token} (HTTP {status}); accept its terms at "
            f"https://huggingface.co/{self.name} and set HF_TOKEN, or read its files with --from "
            "FOLDER"
        )

    def _missing(self) -> Wrong:
        return Wrong(
            f"{self.name}: no such model on {self.endpoint}, or it is private; check the name, or "
            "set HF_TOKEN"
        )


def _read(path: pathlib.Path, where: str) -> ModelFiles:
    """Return the contents of the small files in a folder."""
    config = _table(path / CONFIG, where)
    if not config.get("quantization_config") and (path / MODELOPT).is_file():
        stored = _table(path / MODELOPT, where).get("quantization") or {}
        config["quantization_config"] = {"quant_method": "modelopt", **stored}
    size, names = None, frozenset[str]()
    if (path / INDEX).is_file():
        index = _table(path / INDEX, where)
        size = (index.get("metadata") or {}).get("total_size")
        names = frozenset(index.get("weight_map") or ())
    return ModelFiles(config, "a folder", int(size) if size else None, names)


def _table(path: pathlib.Path, where: str) -> dict[str, typing.Any]:
    if path.stat().st_size > LARGEST:
        raise Wrong(
            f"{where}, {path.name}: more than {LARGEST // 2**20} MiB; not the expected file"
        )
    return _json(path.read_bytes(), f"{where}, {path.name}")


def _json(content: bytes, where: str) -> dict[str, typing.Any]:
    try:
        table = json.loads(content)
    except ValueError:
        table = None
    if not isinstance(table, dict):
        raise Wrong(f"{where}: expected a JSON table")
    return table


def _of_header(file: typing.BinaryIO, where: str) -> tuple[int, frozenset[str]]:
    """Return the bytes and names of the tensors in a file: eight bytes of length, then JSON."""
    start = file.read(8)
    length = struct.unpack("<Q", start)[0] if len(start) == 8 else LARGEST + 1
    if length > LARGEST:
        raise Wrong(f"{where}: not a safetensors file")
    table = _json(file.read(length), where)
    table.pop("__metadata__", None)
    sizes = [tensor["data_offsets"][1] - tensor["data_offsets"][0] for tensor in table.values()]
    return sum(sizes), frozenset(table)
