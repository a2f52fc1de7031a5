"""The PEM text of a certificate and of its key: what is wrong with it, told without showing it."""

import typing

_KINDS: dict[str, tuple[str, typing.Callable[[str], bool]]] = {
    "certificate": ("-----BEGIN CERTIFICATE-----", lambda line: line.endswith(" CERTIFICATE-----")),
    "key": ("-----BEGIN PRIVATE KEY-----", lambda line: line.endswith("PRIVATE KEY-----")),
}


def wrong(name: str, text: str) -> str | None:
    """What is wrong with the text of a `tls` table's certificate or key; None when nothing is."""
    begin, fits = _KINDS[name]
    lines = text.strip().splitlines() or [""]
    if not lines[0].startswith("-----BEGIN ") or not fits(lines[0].rstrip()):
        return f"its secret is not PEM text, which begins with {begin}"
    if "ENCRYPTED" in "".join(lines[:3]):
        return "its secret is encrypted, and SkyServe has no password for it; store it decrypted"
    return None
