"""Open models as code: vLLM on SkyPilot as Pulumi resources.

A program declares Deployments, all that a stack's config names, or single Deployments in a Scope.
Service, Cluster and Readiness are the resources below them. Every error is in `errors`:
ConfigError for what the user wrote, SkyPilotError for a call that failed.
"""

from . import errors
from .program.components import Deployment, Deployments
from .program.resources import Cluster, Readiness, Scope, Service

__all__ = ["Cluster", "Deployment", "Deployments", "Readiness", "Scope", "Service", "errors"]
