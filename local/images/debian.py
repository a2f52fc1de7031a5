"""Root file systems with Debian: what each is made of, and the script that lays it down."""

import dataclasses
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

FOLDER = pathlib.Path(__file__).parent
"""Where the scripts are."""

_SHARED = "debian.sh"
_PASSED_ON = ("UV_CONFIG_FILE", "SSL_CERT_FILE", "UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What a root file system is made of."""

    name: str
    """Of its log, and of its script without `.sh`."""
    title: str
    """What messages call it."""
    packages: tuple[str, ...]
    needed_gib: float
    """Free disk that building it needs."""
    files: tuple[str, ...] = ()
    """Files of this folder that the script reads."""

    def made_of(self) -> list[bytes]:
        """Return all that it is made of."""
        files = (_SHARED, f"{self.name}.sh", *self.files)
        texts = (RELEASE, *self.packages)
        return [*((FOLDER / name).read_bytes() for name in files), *map(str.encode, texts)]


def lay_down(
    recipe: Recipe,
    target: pathlib.Path,
    cache: pathlib.Path,
    variables: Mapping[str, str] | None = None,
) -> None:
    """Fill the empty folder `target`; say each step with its seconds.

    `variables` are the script's own, beside those that each script gets.
    """
    free_gib = shutil.disk_usage(cache).free / 2**30
    if free_gib < recipe.needed_gib:
        raise errors.CloudError(
            f"{cache} has {free_gib:.1f} GiB free and the {recipe.title} needs "
            f"{recipe.needed_gib}; make room, or set XDG_CACHE_HOME to a folder on another disk"
        )
    log = cache / "image" / f"{recipe.name}.log"
    started = time.monotonic()
    print(f"  {recipe.title}: built once, kept in {cache / 'image'}", flush=True)
    read_end, write_end = os.pipe()
    with log.open("w") as output, open(read_end) as progress:  # noqa: PTH123 (a descriptor)
        process = subprocess.Popen(
            # Namespaces of its own: whatever happens, no mount and no process outlives it.
            [
                *("setpriv", "--pdeathsig", "KILL"),  # and it ends when this process is killed
                *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
                *("--propagation", "private", "bash", str(FOLDER / f"{recipe.name}.sh")),
            ],
            env={
                **_environment(target, recipe),
                **(variables or {}),
                "PROGRESS": str(write_end),
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(write_end,),
        )
        os.close(write_end)
        for line in progress:
            seconds = time.monotonic() - started
            print(f"  {recipe.title}: {line.strip()} ({seconds:.0f} s)", flush=True)
        if process.wait():
            last = log.read_text(errors="replace").strip().splitlines()[-5:]
            raise errors.CloudError(
                f"the {recipe.title} was not built; see {log}: {' / '.join(last)}"
            )
    print(f"  {recipe.title}: done ({time.monotonic() - started:.0f} s)", flush=True)


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


def _environment(target: pathlib.Path, recipe: Recipe) -> Mapping[str, str]:
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
        "IMAGE": str(target),
        "MIRROR": _mirror(),
        "RELEASE": RELEASE,
        "PACKAGES": ",".join(recipe.packages),
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
