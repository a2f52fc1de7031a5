"""Where secrets stand in what an embedded cloud has written, and which of it is documented."""

import re
from collections.abc import Iterator, Mapping

from local import locations

TOLD = (
    r"server:\.sky/serve/services\.db(-\w+)?",
    r"server:\.sky/serve/[^/]+/task\.yaml\.tmp",
    r"server:\.sky/serve/[^/]+/load_balancer\.log",
    r"server:\.sky/serve/[^/]+/tls_keyfile",
    r"server:\.sky/api_server/requests\.db(-\w+)?",
    r"server:\.sky/api_server/clients/.+\.pem",
    r"server:\.sky/state\.db(-\w+)?",
    r"host:home/[^/]+/\.bash_history",
    r"host:home/[^/]+/\.sky/sky_app/sky_job_\d+",
    r"host:home/[^/]+/\.vllm-keys\.yaml",
    r"host:tmp/sky_(app|setup)_\S+",
)
"""The files of docs/reliability.md: `server:` the API server's, `host:` a replica's."""


def untold(where: locations.Location, values: Mapping[str, str]) -> dict[str, list[str]]:
    """File → names of the values in it, of those files that the documentation does not name."""
    found = dict(_found(where, values))
    return {label: names for label, names in found.items() if not _is_told(label)}


def _is_told(label: str) -> bool:
    return any(re.fullmatch(one, label) for one in TOLD)


def _found(where: locations.Location, values: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    roots = [("server", where.home), ("server", where.logs)]
    roots += [("host", one) for one in where.hosts.glob("*/upper")]
    for label, root in roots:
        for path in root.rglob("*"):
            if not path.is_file() or path.is_symlink():
                continue
            try:
                content = path.read_bytes()
            except OSError:  # it is gone by now
                continue
            names = [name for name, value in values.items() if value.encode() in content]
            if names:
                yield f"{label}:{path.relative_to(root)}", names
