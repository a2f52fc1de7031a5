"""The shell scripts of a task: one installs vLLM on a machine, the other starts it there."""

import hashlib
import importlib.resources
import re
import shlex
from collections.abc import Sequence

from .. import spec
from . import vllm
from .remote import vllm_guard

_VENV = f'"$HOME/vllm-{vllm.VERSION}"'

_SETUP = """\
# An image that carries vLLM, such as the official ones, installs nothing.
if ! command -v vllm >/dev/null && [ ! -x {venv}/bin/vllm ]; then
  set -e
  PATH="$HOME/.local/bin:$PATH"  # where SkyPilot puts uv
  uv venv --clear --seed --python 3.12 {venv}
  uv pip install --python {venv}/bin/python {packages}
fi
"""

_KEYS_ARE_SET = """\
[ -n "${keys}" ] || {{ echo "{keys} is not set: nothing is served without a key" >&2; exit 1; }}
"""

_FINDS_VLLM = 'command -v vllm >/dev/null || PATH="$HOME/vllm-'
_PATH = f"""\
{_FINDS_VLLM}{vllm.VERSION}"/bin:"$PATH"
"""

_KEYS = """\
# The keys go by a file: a command line is open to everyone on the machine.
keys="$HOME/.vllm-keys.yaml"
rm -f "$keys"
(
  umask 077
  {{
    echo 'api-key:'
    tr ',' '\\n' <<< "${keys}" | sed -e '/^$/d' -e "s/'/''/g" -e "s/.*/- '&'/"
  }} > "$keys"
)
unset {keys}
"""

MIDDLEWARE_FOLDER = "$HOME/.vllm-middleware"

_MODULE = f"""\
cat > "{MIDDLEWARE_FOLDER}/{{module}}.py" <<'END_OF_MODULE'
{{source}}END_OF_MODULE
"""

_GUARD_BEGINS = "# The guard: only the paths on its list are served, and with a key."
_GUARD_ENDS = "# End of the guard."
_GUARD = f"""\
{_GUARD_BEGINS}
mkdir -p "{MIDDLEWARE_FOLDER}"
export PYTHONPATH="{MIDDLEWARE_FOLDER}${{{{PYTHONPATH:+:$PYTHONPATH}}}}"
{{module}}export {vllm_guard.KEYS}={{keys}} {vllm_guard.PROBE}={{probe}}
export VLLM_USE_RUST_FRONTEND=0  # it would load no guard
unset CUSTOM_FASTAPI_MIDDLEWARE_THROTTLE  # it would run before the guard
unset {vllm_guard.METRICS}  # the watchdog's own, if there is one
{_GUARD_ENDS}
"""

_EFFORT = """\
# vLLM has no flag for it that gpt-oss heeds: the requests are filled in as they come.
{module}export {variable}={effort}
"""

_NODES = """\
# One server over all machines: the first answers, the others only compute.
export VLLM_HOST_IP="$(sed -n "$((SKYPILOT_NODE_RANK + 1))p" <<< "$SKYPILOT_NODE_IPS")"
node=(--node-rank "$SKYPILOT_NODE_RANK" --master-addr "$(head -n 1 <<< "$SKYPILOT_NODE_IPS")")
[ "$SKYPILOT_NODE_RANK" = 0 ] || node+=(--headless)
"""

_WATCHDOG = """\
# SkyPilot stops no machine that has a running job: this ends the server when nobody asks.
cat > "$HOME/.vllm-watchdog.py" <<'END_OF_MODULE'
{source}END_OF_MODULE
"""

_STARTS, _STARTS_WATCHED = "exec ", 'exec python3 "$HOME/.vllm-watchdog.py" '

_CPU_THREADS = 'export OMP_NUM_THREADS="${OMP_NUM_THREADS:-$(nproc --ignore=1)}"\n'
"""All cores but one, which the server needs (vLLM's documentation, installation/cpu)."""


def setup(wanted: spec.Spec) -> str:
    """Return the script that runs once on a new machine.

    It installs vLLM and then runs the user's own lines, whose `pip install` is that of vLLM's
    environment.
    """
    own = _PATH + wanted.setup if wanted.setup else ""
    return _install(gpus=bool(wanted.accelerators)) + own


def run(wanted: spec.Spec, command: Sequence[str]) -> str:
    """Return the script that starts vLLM on every machine, and that vLLM's process replaces."""
    keyed, several = wanted.auth == "key", wanted.nodes > 1
    parts = [
        "set -e\n",
        _KEYS_ARE_SET.format(keys=spec.API_KEYS) if keyed else "",
        _PATH,
        _KEYS.format(keys=spec.API_KEYS) if keyed else "",
        _guard(wanted),
        _effort(wanted.reasoning_effort) if wanted.reasoning_effort else "",
        _NODES if several else "",
        "" if wanted.accelerators else _CPU_THREADS,
        _WATCHDOG.format(source=_source("watchdog")) if wanted.autostop else "",
    ]
    start = _STARTS_WATCHED if wanted.autostop else _STARTS
    last = [*(['--config "$keys"'] if keyed else []), *(['"${node[@]}"'] if several else [])]
    return "".join(parts) + start + " \\\n  ".join([*command, *last]) + "\n"


def made(script: str) -> bool:
    """Return whether `run` of any release wrote this script."""
    return _FINDS_VLLM in script


def guarded(script: str) -> bool:
    """Return whether a run script starts vLLM behind the guard."""
    return vllm.GUARD_MIDDLEWARE in script


def without_guard(script: str) -> str:
    """Return a run script without the lines that set up the guard."""
    block = re.compile(rf"^{_GUARD_BEGINS}\n.*?^{_GUARD_ENDS}\n", re.DOTALL | re.MULTILINE)
    flag = re.compile(rf" --middleware {re.escape(vllm.GUARD_MIDDLEWARE)}(?= |$)", re.MULTILINE)
    lines = flag.sub("", block.sub("", script)).splitlines(keepends=True)
    return "".join(line for line in lines if line.strip() != "\\")


def server_only(script: str) -> str:
    """Return a run script that `run` wrote without all that it puts around the server's command.

    What others have added stays.
    """
    text = _EVERY_MODULE.sub("", without_guard(script))
    for word in (_STARTS_WATCHED.removeprefix(_STARTS), ' --config "$keys"', ' "${node[@]}"'):
        text = text.replace(word, "")
    own = {line for part in blocks().values() for line in part} | {"set -e", _PATH.strip()}
    own -= set(lines(f"{_STARTS}vllm serve"))
    own = {line for line in own if line and not line.startswith(f"export {vllm.EFFORT_VARIABLE}=")}
    kept = [line for line in text.splitlines() if line.strip(" \\") not in own]
    return "".join(f"{line}\n" for line in kept)


def own_setup(script: str) -> str:
    """Return a setup script that `setup` wrote without the installation of vLLM."""
    for part in (_install(gpus=True), _install(gpus=False), _PATH):
        script = script.replace(part, "", 1)
    return script


_EVERY_MODULE = re.compile(
    r"^cat > \S+ <<'END_OF_MODULE'\n.*?^END_OF_MODULE\n", re.DOTALL | re.MULTILINE
)


def outline(script: str) -> str:
    """Return a script for a person to compare, with each module in it on one line."""

    def short(module: re.Match[str]) -> str:
        return f"{module[1]} ({hashlib.sha256(module[2].encode()).hexdigest()[:8]})\n"

    return re.sub(r"^(cat > \S+) <<'END_OF_MODULE'\n(.*?)^END_OF_MODULE\n", short, script,
                  flags=re.DOTALL | re.MULTILINE)  # fmt: skip


def probe(wanted: spec.Spec) -> str:
    """Return the method and the path that SkyServe's probe asks, e.g. "GET /health"."""
    asked = wanted.readiness_probe
    return f"{'GET' if asked.post_data is None else 'POST'} {asked.path}"


def _guard(wanted: spec.Spec) -> str:
    return _GUARD.format(
        module=_module(vllm.GUARD_MIDDLEWARE),
        keys='"$keys"' if wanted.auth == "key" else vllm_guard.NO_KEYS,
        probe=shlex.quote(probe(wanted)),
    )


def _effort(effort: str) -> str:
    module = _module(vllm.EFFORT_MIDDLEWARE)
    return _EFFORT.format(module=module, variable=vllm.EFFORT_VARIABLE, effort=effort)


def _module(middleware: str) -> str:
    """Return the lines that write a middleware's module to the machine."""
    name = middleware.partition(".")[0]
    return _MODULE.format(module=name, source=_source(name))


def _source(module: str) -> str:
    """Return the text of a module that runs beside vLLM on its machine."""
    file = importlib.resources.files(f"{__package__}.remote").joinpath(f"{module}.py")
    return file.read_text("utf-8")


def _install(*, gpus: bool) -> str:
    """Return the lines that install vLLM where an image brings none."""
    return _SETUP.format(venv=_VENV, packages=_packages(gpus=gpus))


def _packages(*, gpus: bool) -> str:
    """Return arguments of `uv pip install`, as vLLM documents them for GPUs and for CPUs."""
    if gpus:
        return f"--torch-backend=auto vllm=={vllm.VERSION}"
    index = f"https://wheels.vllm.ai/{vllm.VERSION}/cpu"
    options = ["--torch-backend=cpu", "--index-strategy=first-index", f"--extra-index-url={index}"]
    return shlex.join([*options, f"vllm=={vllm.VERSION}+cpu"])


def blocks() -> dict[str, tuple[str, ...]]:
    """Return the parts of a run script that keys of a stack cause: key → their lines."""
    parts = {
        "auth": _KEYS_ARE_SET.format(keys=spec.API_KEYS)
        + _KEYS.format(keys=spec.API_KEYS)
        + '--config "$keys"',
        "reasoningEffort": _effort("low"),
        "nodes": _NODES + '"${node[@]}"',
        "accelerators": _CPU_THREADS + _install(gpus=True) + _install(gpus=False),
        "setup": _PATH,
        "autostop": _WATCHDOG.format(source=_source("watchdog"))
        + f"{_STARTS_WATCHED}vllm serve\n{_STARTS}vllm serve",
    }
    return {key: tuple(lines(text)) for key, text in parts.items()}


def lines(script: str) -> list[str]:
    """Return the lines of a script's outline, without their continuation marks."""
    return [line.strip(" \\") for line in outline(script).splitlines()]
