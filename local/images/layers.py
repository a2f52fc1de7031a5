"""Which layers a host and a node have, and the cache that keeps them."""

import contextlib
import fcntl
import hashlib
import json
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterator

from . import base, node

_STUB = pathlib.Path(__file__).parent / "stub_vllm.py"
_ANSWERS = _STUB.with_name("stub_answers.py")


def for_engine(cache: pathlib.Path, engine: str) -> list[pathlib.Path]:
    """Return the layers of a host with this engine, the uppermost first; build missing ones."""
    base_layer = _ensure(
        cache, "base", base.RECIPE.made_of(), lambda target: base.lay_down(target, cache)
    )
    if engine == "stub":
        return [
            _ensure(cache, "stub", [_STUB.read_bytes(), _ANSWERS.read_bytes()], _lay_down_stub),
            base_layer,
        ]
    # Only here: building the real engine's layer takes what a stub cloud can do without.
    from ..engine import build  # noqa: PLC0415

    def lay_down(target: pathlib.Path) -> None:
        build.lay_down(target, base_layer, cache)

    return [_ensure(cache, "vllm", build.made_of(), lay_down), base_layer]


def for_node(cache: pathlib.Path) -> list[pathlib.Path]:
    """Return the layers of a Kubernetes node, the uppermost first; build missing ones."""
    return [
        _ensure(cache, "node", node.RECIPE.made_of(), lambda target: node.lay_down(target, cache))
    ]


def _lay_down_stub(target: pathlib.Path) -> None:
    """Write a `vllm` command that stands in for the real one."""
    command = target / "usr" / "local" / "bin" / "vllm"
    command.parent.mkdir(parents=True)
    shutil.copyfile(_STUB, command)
    command.chmod(0o755)
    shutil.copyfile(_ANSWERS, command.with_name(_ANSWERS.name))


def _ensure(
    cache: pathlib.Path,
    layer: str,
    made_of: list[bytes],
    lay_down: Callable[[pathlib.Path], None],
) -> pathlib.Path:
    """Return the folder of a layer; build it, in place of earlier versions, if it is not there."""
    digest = hashlib.sha256(b"\0".join(made_of)).hexdigest()[:12]
    images = cache / "image"
    target = images / f"{layer}-{digest}"
    images.mkdir(parents=True, exist_ok=True)
    with _locked(images / f"{layer}.lock"):
        if target.exists():
            return target
        _remove_old(cache, layer)
        # A name of its own: a build whose parent was killed may still be writing to the last one.
        partial = pathlib.Path(tempfile.mkdtemp(prefix=f".{layer}-{digest}-", dir=images))
        partial.chmod(0o755)
        try:
            lay_down(partial)
            partial.rename(target)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    return target


def _remove_old(cache: pathlib.Path, layer: str) -> None:
    """Remove layers of earlier versions and of builds that broke off, but for those in use."""
    used: set[str] = set()
    for description in (cache / "cloud").glob("*/cloud.json"):
        with contextlib.suppress(OSError, ValueError):
            used.update(json.loads(description.read_text())["layers"])
    images = cache / "image"
    for folder in (*images.glob(f"{layer}-*"), *images.glob(f".{layer}-*")):
        if str(folder) not in used:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: pathlib.Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
