"""The base layer: Debian with sshd and SkyPilot's runtime, baked by `bake.sh`."""

import os
import pathlib
import shutil
import subprocess
import time
from collections.abc import Mapping

from .. import errors

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
"""Free disk that building the layer needs, with uv's cache."""

_HERE = pathlib.Path(__file__).parent
_PASSED_ON = ("UV_CONFIG_FILE", "SSL_CERT_FILE", "UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def made_of() -> list[bytes]:
    """Return all that the layer is made of."""
    files = [(_HERE / name).read_bytes() for name in ("bake.sh", "host-init.sh", "runtime.lock")]
    return [*files, RELEASE.encode(), *(package.encode() for package in PACKAGES)]


def lay_down(target: pathlib.Path, cache: pathlib.Path) -> None:
    """Fill the empty folder `target` with the layer; say each step with its seconds."""
    free_gib = shutil.disk_usage(cache).free / 2**30
    if free_gib < NEEDED_GIB:
        raise errors.CloudError(
            f"{cache} has {free_gib:.1f} GiB free and the host image needs {NEEDED_GIB}; "
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
            env={**_environment(cache, target, uv), "PROGRESS": str(write_end)},
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
            raise errors.CloudError(f"the host image was not built; see {log}: {' / '.join(last)}")
    print(f"  host image: done ({time.monotonic() - started:.0f} s)", flush=True)


def choose_mirror(targets: str) -> str:
    """Choose the first Debian main archive among lines of `URI COMPONENT` (apt-get indextargets).

    >>> choose_mirror("http://mirror.example/debian/ main")
    'http://mirror.example/debian/'
    """
    for line in targets.splitlines():
        uri, _, component = line.partition(" ")
        if component == "main" and uri.rstrip("/").endswith("/debian"):
            return uri
    return "http://deb.debian.org/debian"


def _environment(cache: pathlib.Path, target: pathlib.Path, uv: pathlib.Path) -> Mapping[str, str]:
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
    """Return the mirror that this machine's apt uses, if it is Debian's, else Debian's own."""
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(COMPONENT)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=False,
    )
    return choose_mirror(targets.stdout)


def _uv(cache: pathlib.Path) -> pathlib.Path:
    for candidate in (cache / "bin" / "uv", shutil.which("uv")):
        if candidate and pathlib.Path(candidate).exists():
            return pathlib.Path(candidate).resolve()
    raise errors.CloudError("uv is missing; run make setup, or pip install uv")
