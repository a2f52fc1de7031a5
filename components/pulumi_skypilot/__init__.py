"""Open models as code: vLLM on SkyPilot as Pulumi resources."""

from .components import Deployment, Deployments
from .resources import Readiness, Scope, Service

__all__ = ["Deployment", "Deployments", "Readiness", "Scope", "Service"]
