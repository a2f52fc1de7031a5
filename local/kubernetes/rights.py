"""The service account of SkyPilot's API server: it has the rights that the documentation lists.

So whatever works in a rehearsal works with these rights. What was asked and refused is in the log
kubernetes-audit.
"""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import yaml
from kubernetes import client, utils

from .. import locations

_FILE = locations.REPOSITORY / "docs" / "kubernetes-rbac.yaml"
ACCOUNT = "skypilot"
_SECONDS = 365 * 24 * 3600


def grant(api: Any, namespaces: Sequence[str]) -> str:
    """Make the service accounts with their rights, and return a token of the first one's."""
    for document in documents(namespaces):
        utils.create_from_dict(api, document)
    request = client.AuthenticationV1TokenRequest(
        spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=_SECONDS)
    )
    answer = client.CoreV1Api(api).create_namespaced_service_account_token(
        ACCOUNT, namespaces[0], request
    )
    return str(answer.status.token)


def documents(namespaces: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the documented objects; each namespace has an account, for its pods, and its rights.

    The account of the first namespace, which is the API server's, has the rights in all.
    """
    accounts = [
        {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}
        for namespace in namespaces
    ]
    for document in yaml.safe_load_all(_FILE.read_text()):
        kind = document["kind"]
        if kind in ("ClusterRole", "ClusterRoleBinding"):
            yield document | ({"subjects": accounts} if kind == "ClusterRoleBinding" else {})
            continue
        for account in accounts:
            changed = copy.deepcopy(document)
            changed["metadata"]["namespace"] = account["namespace"]
            if kind == "RoleBinding":
                changed["subjects"] = [accounts[0], *([account] if account != accounts[0] else [])]
            yield changed
