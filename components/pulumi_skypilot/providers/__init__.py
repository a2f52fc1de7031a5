"""The dynamic providers: thin, stateless, pickled by reference.

They turn Pulumi's properties into typed values, call `plan`, `changes` and the life cycles, and
turn the results back into properties. check and diff are pure CPU; the first call that needs a
server imports sky.

A stack's state names these classes as `pulumi_skypilot.providers.<Class>`, whichever module defines
them. These names must stay, or states of earlier releases do not load.
"""

from ..skypilot.credentials import TOKEN_VARIABLE
from .base import DELETE_VARIABLE
from .cluster import ClusterProvider
from .readiness import ClusterReadinessProvider, ReadinessProvider
from .scope import ScopeProvider
from .service import ServiceProvider

__all__ = [
    "DELETE_VARIABLE",
    "TOKEN_VARIABLE",
    "ClusterProvider",
    "ClusterReadinessProvider",
    "ReadinessProvider",
    "ScopeProvider",
    "ServiceProvider",
]
