"""The variables and secrets of a task, as keys of a deployment."""

import typing
from collections.abc import Iterator, Mapping

from .... import spec
from . import options, own_export, remarks, server, shell, variables

KeyOrRemark = tuple[str, object] | remarks.Remark


def keys(
    content: Mapping[str, typing.Any], started: server.Server, *, own: bool
) -> Iterator[KeyOrRemark]:
    """Yield the keys for the variables and the secrets, and remarks on the rest.

    `own` is true of a task that this package exported.
    """
    private = variables.secret(content) | {
        name: None if shell.is_computed(value) else shell.plain(value)
        for name, value in started.environment.items()
        if variables.is_secret(name) and not _passed(name, value)
    }
    yield from _api_key(started, private, own=own)
    yield from _image_credentials({**(content.get("envs") or {}), **private}, private)
    plain = {}
    given = content.get("envs") or {}
    for name, value in variables.passed_on(content, started).items():
        # With a value of the task's own, the script sets it under a condition.
        if name in private or (_passed(name, value) and given.get(name) is None):
            continue
        if name in started.environment and shell.is_computed(value):
            yield remarks.lost(f"env {name}", "only the machine knows its value; write it into env")
        else:
            plain[name] = shell.plain(value)
    if plain:
        yield "env", plain
    for name, value in private.items():
        yield from _secret(name, value)


def _passed(name: str, value: str) -> bool:
    """Return whether a variable is only passed on, as by NAME=$NAME."""
    return shell.variable(value) == name


def _secret(name: str, value: object) -> Iterator[KeyOrRemark]:
    config = _camel(name)
    yield "secrets", {name: config}
    yield _set_secret(f"secret {name}", config, given=value is not None)


def _set_secret(path: str, config: str, *, given: bool) -> remarks.Remark:
    beside = " (the value that the task holds in plain sight)" if given else ""
    return remarks.to_do(path, f"pulumi config set --secret {config}{beside}")


def _api_key(
    started: server.Server, private: dict[str, typing.Any], *, own: bool
) -> Iterator[KeyOrRemark]:
    """Yield the key that the server asks clients for, and remove it from the secrets."""
    if spec.API_KEYS in private:
        del private[spec.API_KEYS]
        yield own_export.A_KEY_IS_MADE
        return
    word = options.api_key(started.flags)
    name = shell.variable(word) if word else None
    if word is None and "VLLM_API_KEY" in private:
        name = "VLLM_API_KEY"
    if word is None and name is None and own:
        yield "auth", "none"
        return
    if word is None and name is None:
        yield remarks.differs(
            "flag api-key", "clients need a key, which is made for you; auth: none leaves it out"
        )
        return
    config = _camel(name or "API_KEY")
    given = private.pop(name, None) if name else word
    yield "apiKey", config
    path = f"secret {name}" if name else "flag api-key"
    yield _set_secret(path, config, given=given is not None)


def _image_credentials(
    given: Mapping[str, typing.Any], private: dict[str, typing.Any]
) -> Iterator[KeyOrRemark]:
    names = variables.IMAGE
    plain = {
        part: str(given[names[part]]) for part in ("server", "username") if given.get(names[part])
    }
    if len(plain) == 2:
        config = "imagePassword"
        yield "imageCredentials", {**plain, "password": config}
        known = given.get(names["password"]) is not None
        yield _set_secret(f"secret {names['password']}", config, given=known)
    elif any(name in given for name in names.values()):
        yield remarks.lost("imageCredentials", "write its server, username and password")
    for name in names.values():
        private.pop(name, None)


def _camel(name: str) -> str:
    first, *rest = name.lower().split("_")
    return first + "".join(part.capitalize() for part in rest)
