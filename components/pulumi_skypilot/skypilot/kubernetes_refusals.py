"""The answers by which the API server of a Kubernetes refuses something, in SkyPilot's texts.

The text is that of kubernetes.client.exceptions.ApiException, on one line.
"""

import re

ANSWER = r"HTTP response body: \{.*\}"
_MESSAGE = re.compile(r'HTTP response body: \{.*"message": ?"((?:[^"\\]|\\.)*)"')
LACKS_RIGHTS = "is forbidden: User "
"""The words of Kubernetes' RBAC."""

RIGHTS = "give SkyPilot's account the rights of docs/kubernetes-rbac.yaml"


def message(text: str) -> str | None:
    """Return the message in an answer; None if a text has no answer."""
    match = _MESSAGE.search(text)
    return match[1].replace('\\"', "'") if match else None


def told(said: str, text: str) -> str:
    """Return the message to the user for an answer's message, `said`, and the text around it."""
    if "(401)" in text:
        return (
            f"infra: Kubernetes refuses the credentials in the API server's kubeconfig ({said}); "
            "renew them there"
        )
    way_out = f"; {RIGHTS}" if LACKS_RIGHTS in said else ""
    return f"infra: Kubernetes refuses it ({said}){way_out}"
