"""A model's own files, from the Hugging Face hub or from a folder: never its weights.

The only module that asks the hub, and only for `pulumi-skypilot models add`: no preview does.
"""

import contextlib
import dataclasses
import http.client
import json
import os
import pathlib
import struct
import typing
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping

TIMEOUT_SECONDS = 20
LARGEST = 100 * 2**20
"""Bytes of one file; the index of a model of a trillion parameters has about 20 MiB."""

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
MODELOPT = "hf_quant_config.json"
"""Where NVIDIA's ModelOpt says how weights are stored, if config.json does not (vllm,
transformers_utils/config.py, get_config)."""


class Wrong(Exception):
    """Why a model's files could not be read, in one line."""


class _Absent(Exception):
    """The hub has no such file."""


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


def folder(path: pathlib.Path) -> Found:
    """The files of a local folder. Raises Wrong."""
    if not path.is_dir():
        raise Wrong(f"{path}: no such folder")
    config = path / "config.json"
    if not config.is_file():
        raise Wrong(f"{path}: there is no config.json in it")
    table = _table(config.read_bytes(), str(config))
    beside = path / MODELOPT
    if not table.get("quantization_config") and beside.is_file():
        table["quantization_config"] = _modelopt(_table(beside.read_bytes(), str(beside)))
    index, single = path / INDEX, path / SINGLE
    size, names = None, frozenset[str]()
    if index.is_file():
        size, names = _of_index(_table(index.read_bytes(), str(index)))
    elif single.is_file():
        with single.open("rb") as file:
            size, names = _of_header(file, str(single))
    return Found(table, "a folder", size, names)


def model(name: str, revision: str = "main") -> Found:
    """The files of a model on the hub (HF_ENDPOINT, HF_TOKEN as everywhere). Raises Wrong."""
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        raise Wrong(f"{name}: HF_HUB_OFFLINE is set; read its files with --from FOLDER")
    repository = _Repository(name, revision)
    with repository.open("config.json") as answer:
        config = _table(_all(answer, "config.json"), f"{name}, config.json")
        commit = answer.headers.get("X-Repo-Commit") or revision
    if not config.get("quantization_config"):
        with contextlib.suppress(_Absent), repository.open(MODELOPT) as answer:
            stored = _table(_all(answer, MODELOPT), f"{name}, {MODELOPT}")
            config["quantization_config"] = _modelopt(stored)
    size, names = None, frozenset[str]()
    try:
        with repository.open(INDEX) as answer:
            size, names = _of_index(_table(_all(answer, INDEX), f"{name}, {INDEX}"))
    except _Absent:
        try:
            with repository.open(SINGLE) as answer:
                size, names = _of_header(answer, f"{name}, {SINGLE}")
        except _Absent:
            pass
    return Found(config, f"https://huggingface.co/{name}/tree/{commit}", size, names)


class _Repository:
    """One model at one revision, over HTTP."""

    def __init__(self, name: str, revision: str) -> None:
        self.name, self.revision = name, revision
        endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
        self.endpoint = endpoint.rstrip("/")
        self._opener = urllib.request.build_opener(_Redirects)

    def open(self, file: str) -> http.client.HTTPResponse:
        """The file's answer. Raises _Absent, or Wrong."""
        quoted = urllib.parse.quote(self.revision, safe="")
        try:
            return self._get(f"{self.endpoint}/{self.name}/resolve/{quoted}/{file}")
        except urllib.error.HTTPError as error:
            with error:
                self._explain(error, file)
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise Wrong(
                f"{self.name}: {self.endpoint} cannot be reached ({reason}); try again, set "
                "HF_ENDPOINT to a mirror, or read the model's files with --from FOLDER"
            ) from None
        raise AssertionError

    def _get(self, url: str) -> http.client.HTTPResponse:
        request = urllib.request.Request(url)  # noqa: S310 - the endpoint is the user's own
        token = _token()
        if token:
            # Not passed on to where the hub redirects to: another host.
            request.add_unredirected_header("Authorization", f"Bearer {token}")
        answer = self._opener.open(request, timeout=TIMEOUT_SECONDS)
        return typing.cast("http.client.HTTPResponse", answer)

    def _explain(self, error: urllib.error.HTTPError, file: str) -> typing.NoReturn:
        """Raise what an error of the hub means (huggingface_hub, utils/_http.py)."""
        code = error.headers.get("X-Error-Code", "")
        page = f"https://huggingface.co/{self.name}"
        if code == "RepoNotFound" or (error.code == 404 and not code and not self._there()):
            raise Wrong(
                f"{self.name}: no such model on {self.endpoint}, or one that is private; look at "
                "its name, or set HF_TOKEN"
            )
        if code == "RevisionNotFound":
            raise Wrong(f"{self.name}: it has no revision {self.revision}; leave --revision out")
        if error.code in (401, 403) and code in ("", "GatedRepo"):
            told = "with your HF_TOKEN" if _token() else "without HF_TOKEN"
            raise Wrong(
                f"{self.name}: gated, and not open to you {told} (HTTP {error.code}); accept its "
                f"terms at {page} and set HF_TOKEN, or read its files with --from FOLDER"
            )
        if error.code == 404 and file != "config.json":
            raise _Absent
        if error.code == 404:
            raise Wrong(
                f"{self.name}: there is no config.json at revision {self.revision}; only models in "
                "the Hugging Face layout can be added"
            )
        raise Wrong(f"{self.name}: {self.endpoint} answers HTTP {error.code} to {file}; try again")

    def _there(self) -> bool:
        """Whether there is such a model, at any revision."""
        try:
            self._get(f"{self.endpoint}/api/models/{self.name}").close()
        except urllib.error.HTTPError as error:
            error.close()
            return error.code in (401, 403)
        except (OSError, http.client.HTTPException):
            return True
        return True


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Keeps the token on the hub's own host, as for a model that was renamed."""

    def redirect_request(  # noqa: PLR0917 - as urllib calls it
        self,
        req: urllib.request.Request,
        fp: typing.Any,
        code: int,
        msg: str,
        headers: typing.Any,
        newurl: str,
    ) -> urllib.request.Request | None:
        found = super().redirect_request(req, fp, code, msg, headers, newurl)
        old, new = urllib.parse.urlsplit(req.full_url), urllib.parse.urlsplit(newurl)
        token = req.unredirected_hdrs.get("Authorization")
        if found is not None and token and (old.scheme, old.netloc) == (new.scheme, new.netloc):
            found.add_unredirected_header("Authorization", token)
        return found


def _token() -> str | None:
    """The user's token, where huggingface_hub looks for it (utils/_auth.py)."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if os.environ.get(name, "").strip():
            return os.environ[name].strip()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{cache}/huggingface"
    path = pathlib.Path(os.environ.get("HF_TOKEN_PATH") or f"{home}/token").expanduser()
    try:
        return path.read_text("utf-8").strip() or None
    except OSError:
        return None


def _all(answer: typing.BinaryIO | http.client.HTTPResponse, file: str) -> bytes:
    try:
        content = answer.read(LARGEST + 1)
    except (OSError, http.client.HTTPException) as error:
        raise Wrong(f"{file}: the connection broke off ({error}); try again") from None
    if len(content) > LARGEST:
        raise Wrong(f"{file}: more than {LARGEST // 2**20} MiB; it cannot be the model's")
    return content


def _table(content: bytes, where: str) -> dict[str, typing.Any]:
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Wrong(f"{where}: it holds no JSON table")
    return found


def _modelopt(found: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    """As if it stood in config.json."""
    return {"quant_method": "modelopt", **(found.get("quantization") or {})}


def _of_index(index: Mapping[str, typing.Any]) -> tuple[int | None, frozenset[str]]:
    """Bytes and names of the tensors, from the index of a model in several files."""
    size = (index.get("metadata") or {}).get("total_size")
    return (int(size) if size else None), frozenset(index.get("weight_map") or ())


def _of_header(
    file: typing.BinaryIO | http.client.HTTPResponse, where: str
) -> tuple[int, frozenset[str]]:
    """The same from the header of a single file: eight bytes of length, then JSON."""
    start = file.read(8)
    length = struct.unpack("<Q", start)[0] if len(start) == 8 else LARGEST + 1
    if length > LARGEST:
        raise Wrong(f"{where}: it is no safetensors file")
    table = _table(file.read(length), where)
    table.pop("__metadata__", None)
    sizes = [one["data_offsets"][1] - one["data_offsets"][0] for one in table.values()]
    return sum(sizes), frozenset(table)
