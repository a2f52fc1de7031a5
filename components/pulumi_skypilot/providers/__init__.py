"""The providers: a handler for each type of resource, and the door by which Pulumi calls them.

The handlers turn Pulumi's properties into typed values, call `plan`, `changes` and the life cycles,
and turn the results back into properties. check and diff are pure CPU; the first call that needs a
server imports sky. dynamic_door.py is for Pulumi's dynamic providers: thin, stateless, pickled by
reference. A native provider would be another door to the same handlers.

A stack's state names these classes as `pulumi_skypilot.providers.<Class>`, whichever module defines
them. These names must stay, or states of earlier releases do not load.
"""

from ..skypilot.credentials import TOKEN_VARIABLE
from .base import DELETE_VARIABLE
from .dynamic_door import (
    ClusterProvider,
    ClusterReadinessProvider,
    ReadinessProvider,
    ScopeProvider,
    ServiceProvider,
    VolumeProvider,
)

__all__ = [
    "DELETE_VARIABLE",
    "TOKEN_VARIABLE",
    "ClusterProvider",
    "ClusterReadinessProvider",
    "ReadinessProvider",
    "ScopeProvider",
    "ServiceProvider",
    "VolumeProvider",
]
