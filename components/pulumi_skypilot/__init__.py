"""Open models as code: vLLM on SkyPilot as Pulumi resources."""

from .components import Deployment, Deployments
from .resources import Cluster, Readiness, Scope, Service

__all__ = ["Cluster", "Deployment", "Deployments", "Readiness", "Scope", "Service"]
