"""The addresses of the cluster's machines, pods and load balancers, in the cloud's own /24.

Pods and load balancers lie in the network that the cloud is linked to this machine by: a node
answers there for its pods, and the control plane for the load balancers. So this machine reaches
them all without a route of its own.
"""

SERVICES = "10.96.0.0/16"
"""Of cluster IPs. Only the machines of the cluster know them: kube-proxy turns them into pods'."""

MOST_NODES = 7
"""The eighth /28 of the pods' network holds this machine's own address."""

MOST_PODS = 13
"""On a node: the addresses of a /28 but for its network, its gateway and its broadcast."""


def control_plane(net: str) -> str:
    """Return the address of the machine of the control plane.

    >>> control_plane("10.77.0")
    '10.77.0.2'
    """
    return f"{net}.2"


def api(net: str) -> str:
    """Return the URL of the Kubernetes API."""
    return f"https://{control_plane(net)}:6443"


def node(net: str, number: int) -> str:
    """Return the address of a node.

    >>> node("10.77.0", 0)
    '10.77.0.10'
    """
    return f"{net}.{10 + number}"


def pods(net: str, number: int) -> str:
    """Return the network of a node's pods.

    >>> pods("10.77.0", 6)
    '10.77.0.224/28'
    """
    return f"{net}.{128 + 16 * number}/28"


def all_pods(net: str) -> str:
    """Return the network of all pods."""
    return f"{net}.128/25"


def load_balancers(net: str) -> str:
    """Return the network of the load balancers' addresses."""
    return f"{net}.32/27"
