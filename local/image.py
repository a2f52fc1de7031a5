"""The layers of the emulated hosts' file system, each built once and kept in the cache."""

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping

from . import place

RELEASE = "bookworm"
"""Debian 12, whatever this machine runs: ray 2.9.3, SkyPilot's runtime, has no wheel for a Python
later than its 3.11."""

PACKAGES = (
    "ca-certificates",
    "curl",
    "gzip",
    "hostname",
    "iproute2",
    "less",
    "libnuma1",  # vLLM on CPU: without it no operator of vllm._C registers
    "lsof",
    "netcat-openbsd",
    "openssh-server",
    "patch",
    "procps",
    "psmisc",
    "python3",
    "python3-venv",
    "rsync",
    "socat",
    "sudo",
)

NEEDED_GIB = 4
"""Free disk that building the base layer takes, with uv's cache."""

_HERE = pathlib.Path(__file__).parent
_PASSED_ON = ("UV_CONFIG_FILE", "SSL_CERT_FILE", "UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def layers(cache: pathlib.Path, engine: str) -> list[pathlib.Path]:
    """The layers of a host with this engine, the uppermost first, built where they are missing."""
    base = ensure_base(cache)
    if engine == "stub":
        return [ensure_stub(cache), base]
    # Only here: building the real engine's layer takes what a stub cloud can do without.
    from .engine import build  # noqa: PLC0415

    def lay_down(target: pathlib.Path) -> None:
        build.lay_down(target, base, cache)

    return [_ensure(cache, "vllm", build.made_of(), lay_down), base]


def ensure_base(cache: pathlib.Path) -> pathlib.Path:
    """Debian with sshd and SkyPilot's runtime."""
    made_of = [(_HERE / name).read_bytes() for name in ("bake.sh", "host-init.sh", "runtime.lock")]
    made_of += [RELEASE.encode(), *(package.encode() for package in PACKAGES)]
    return _ensure(cache, "base", made_of, lambda target: _bake(cache, target))


def ensure_stub(cache: pathlib.Path) -> pathlib.Path:
    """A `vllm` command that stands in for the real one."""
    source = _HERE / "stub_vllm.py"

    def lay_down(target: pathlib.Path) -> None:
        command = target / "usr" / "local" / "bin" / "vllm"
        command.parent.mkdir(parents=True)
        shutil.copyfile(source, command)
        command.chmod(0o755)

    return _ensure(cache, "stub", [source.read_bytes()], lay_down)


def _ensure(
    cache: pathlib.Path,
    layer: str,
    made_of: list[bytes],
    build: Callable[[pathlib.Path], None],
) -> pathlib.Path:
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
            build(partial)
            partial.rename(target)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    return target


def _bake(cache: pathlib.Path, target: pathlib.Path) -> None:
    free_gib = shutil.disk_usage(cache).free / 2**30
    if free_gib < NEEDED_GIB:
        raise place.CloudError(
            f"{cache} has {free_gib:.1f} GiB free and the host image takes {NEEDED_GIB}: "
            "make room, or set XDG_CACHE_HOME to a folder on another disk"
        )
    uv = _uv(cache)
    log = cache / "image" / "base.log"
    started = time.monotonic()
    print(f"  host image: built once, kept in {cache / 'image'}", flush=True)
    read_end, write_end = os.pipe()
    with log.open("w") as output, open(read_end) as progress:  # noqa: PTH123 (a descriptor)
        process = subprocess.Popen(
            # Namespaces of its own: whatever happens, no mount and no process outlives it.
            [
                *("setpriv", "--pdeathsig", "KILL"),  # and it ends when this process is killed
                *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
                *("--propagation", "private", "bash", str(_HERE / "bake.sh")),
            ],
            env={**_bake_environment(cache, target, uv), "PROGRESS": str(write_end)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(write_end,),
        )
        os.close(write_end)
        for line in progress:
            print(f"  host image: {line.strip()} ({time.monotonic() - started:.0f} s)", flush=True)
        if process.wait():
            last = log.read_text(errors="replace").strip().splitlines()[-5:]
            raise place.CloudError(
                f"the host image could not be built, see {log}: {' / '.join(last)}"
            )
    print(f"  host image: done ({time.monotonic() - started:.0f} s)", flush=True)


def _bake_environment(
    cache: pathlib.Path, target: pathlib.Path, uv: pathlib.Path
) -> Mapping[str, str]:
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
        "IMAGE": str(target),
        "MIRROR": _mirror(),
        "RELEASE": RELEASE,
        "PACKAGES": ",".join(PACKAGES),
        "UV": str(uv),
        "UV_CACHE": str(cache / "image" / "uv"),
        "LOCK": str(_HERE / "runtime.lock"),
        "INIT": str(_HERE / "host-init.sh"),
    } | {name: os.environ[name] for name in (*_PASSED_ON, *_PROXIES) if os.environ.get(name)}


def _mirror() -> str:
    """The mirror that this machine's apt uses, if it is Debian's own, else Debian's."""
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(COMPONENT)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=False,
    )
    return choose_mirror(targets.stdout)


def choose_mirror(targets: str) -> str:
    """The first Debian main archive among lines of `URI COMPONENT`, as apt-get indextargets says.

    >>> choose_mirror("http://mirror.example/debian/ main")
    'http://mirror.example/debian/'
    """
    for line in targets.splitlines():
        uri, _, component = line.partition(" ")
        if component == "main" and uri.rstrip("/").endswith("/debian"):
            return uri
    return "http://deb.debian.org/debian"


def _uv(cache: pathlib.Path) -> pathlib.Path:
    for candidate in (cache / "bin" / "uv", shutil.which("uv")):
        if candidate and pathlib.Path(candidate).exists():
            return pathlib.Path(candidate).resolve()
    raise place.CloudError("uv is missing: run make setup, or pip install uv")


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
