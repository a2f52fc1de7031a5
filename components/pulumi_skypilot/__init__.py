"""Open models as code: vLLM on SkyPilot as Pulumi resources.

A program declares Deployments, all that a stack's config names, or single Deployments in a Scope.
Service, Cluster and Readiness are the resources below them; a Volume is storage that they mount.
DeploymentSpec and VolumeSpec are the types of their specs, for editors and type checkers.
Every error is in `errors`: ConfigError for what the user wrote, SkyPilotError for a call that
failed.
"""

import importlib
import typing

from . import errors

if typing.TYPE_CHECKING:
    from .program.components import Deployment, Deployments
    from .program.readiness_resource import Readiness
    from .program.resources import Cluster, Scope, Service
    from .program.typed_specs import DeploymentSpec, VolumeSpec
    from .program.volume_resource import Volume

__all__ = [
    "Cluster",
    "Deployment",
    "DeploymentSpec",
    "Deployments",
    "Readiness",
    "Scope",
    "Service",
    "Volume",
    "VolumeSpec",
    "errors",
]

_MODULES = {
    "Deployment": ".program.components",
    "Deployments": ".program.components",
    "Cluster": ".program.resources",
    "Readiness": ".program.readiness_resource",
    "Scope": ".program.resources",
    "Service": ".program.resources",
    "Volume": ".program.volume_resource",
    "DeploymentSpec": ".program.typed_specs",
    "VolumeSpec": ".program.typed_specs",
}


def __getattr__(name: str) -> typing.Any:
    # Loaded at the first use: the plugin process and the command need no program.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULES[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
