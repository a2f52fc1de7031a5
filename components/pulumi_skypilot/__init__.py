"""Open models as code: vLLM on SkyPilot as Pulumi resources."""

from .program.components import Deployment, Deployments
from .program.resources import Cluster, Readiness, Scope, Service

__all__ = ["Cluster", "Deployment", "Deployments", "Readiness", "Scope", "Service"]
