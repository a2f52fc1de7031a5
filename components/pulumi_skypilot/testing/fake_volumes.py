"""Volumes as SkyPilot 0.14.1 was seen to keep them."""

import dataclasses
import typing
from collections.abc import Iterator, Mapping

from .. import errors
from ..skypilot import interface
from .clock import Clock
from .fake_clusters import Clusters
from .fake_services import Services

_CONTEXT, _NAMESPACE = "prod", "default"
"""The place of a volume that names none."""


class Volumes(Services, Clusters):
    """Volumes over dictionaries, mounted by the services and clusters whose task names them."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.storage_classes: Mapping[str, str] = {"standard": "", "shared": ""}
        """The classes of the Kubernetes cluster, and why their volumes are not ready, if so."""
        self.default_class: str | None = "standard"
        self.claims: dict[str, interface.Volume] = {}
        """The claims that somebody made with Kubernetes itself, by name."""
        self._volumes: dict[str, interface.Volume] = {}

    def lose_claim(self, name: str) -> None:
        """Delete a volume's claim outside SkyPilot, which keeps the record."""
        claim = self._volumes[name].claim
        reason = f"PVC {claim} no longer exists in namespace {_NAMESPACE}."
        self._change(name, status="NOT_READY", reason=reason, lost=True)

    def break_volume(self, name: str, reason: str, *, may_resolve: bool = False) -> None:
        """Let a volume not be ready."""
        self._change(name, status="NOT_READY", reason=reason, may_resolve=may_resolve)

    def mend_volume(self, name: str) -> None:
        """Let it be ready again."""
        self._change(name, status="READY", reason="", may_resolve=False)

    def grow_claim(self, name: str, size: int) -> None:
        """Grow a volume's claim with Kubernetes itself."""
        self._change(name, size=size)

    def forget_volume(self, name: str) -> None:
        """Remove a volume without a call of this package's, as `sky volumes delete` does."""
        del self._volumes[name]

    def volume(self, name: str) -> interface.Volume | None:
        """Return one volume, or None."""
        self._called("volume", name)
        return self._seen(self._volumes[name]) if name in self._volumes else None

    def volumes(self) -> tuple[interface.Volume, ...]:
        """Return all volumes."""
        self._called("volumes")
        return tuple(map(self._seen, self._volumes.values()))

    def make_volume(self, content: Mapping[str, typing.Any], text: str) -> None:
        """Make a volume; one that exists stays as it is, whatever is asked for."""
        name = content["name"]
        self._called("make_volume", name)
        if name in self._volumes:
            return
        if content.get("use_existing"):
            self._volumes[name] = self._registered(name, text)
            return
        config = content.get("config") or {}
        storage_class = config.get("storage_class_name", self.default_class)
        if storage_class is None:
            raise errors.Failed(
                f"No storage class specified and cluster {_CONTEXT!r} has no default StorageClass"
            )
        if storage_class not in self.storage_classes:
            raise errors.Failed(f"Check storage class {storage_class} error: (404) Not Found")
        cloud, _, context = (content.get("infra") or "k8s").partition("/")
        self._made += 1
        reason = self.storage_classes[storage_class]
        self._volumes[name] = interface.Volume(
            name=name,
            claim=f"{name}-user0001-{self._made:06x}",
            status="NOT_READY" if reason else "READY",
            infra=f"{cloud}/{context or _CONTEXT}",
            size=int(content["size"]),
            storage_class=storage_class,
            access_mode=config.get("access_mode", "ReadWriteOnce"),
            namespace=config.get("namespace", _NAMESPACE),
            reason=reason,
            text=text,
        )

    def delete_volume(self, name: str) -> None:
        """Delete a volume that nothing uses; a claim of somebody's own stays."""
        self._called("delete_volume", name)
        if name not in self._volumes:
            raise errors.NotFound(f"Volume {name} not found.")
        users = self._users(name)
        if users:
            listed = f"cluster{'s' if len(users) > 1 else ''} {', '.join(users)}"
            raise errors.Failed(f"Volume {name} is used by {listed}.")
        del self._volumes[name]

    def _registered(self, name: str, text: str) -> interface.Volume:
        if name not in self.claims:
            raise errors.Failed(
                f"PVC with name or label skypilot-name={name} does not exist in namespace "
                f"{_NAMESPACE!r} on context {_CONTEXT!r} while use_existing is True."
            )
        return dataclasses.replace(self.claims[name], text=text)

    def _change(self, name: str, **changes: typing.Any) -> None:
        self._volumes[name] = dataclasses.replace(self._volumes[name], **changes)

    def _seen(self, volume: interface.Volume) -> interface.Volume:
        """Return a volume with its users, who make a ready one IN_USE."""
        users = tuple(self._users(volume.name))
        status = "IN_USE" if users and volume.status == "READY" else volume.status
        return dataclasses.replace(volume, status=status, used_by=users)

    def _users(self, name: str) -> list[str]:
        self._tick_services()
        return sorted(
            machine
            for machine, task in self._tasks()
            if name in (task.get("volumes") or {}).values()
        )

    def _tasks(self) -> Iterator[tuple[str, Mapping[str, typing.Any]]]:
        """Yield each live machine and the task that made it."""
        for cluster in self._clusters.values():
            yield cluster.name, cluster.order.task
        for service in self._services.values():
            for replica in service.replicas:
                yield f"{service.name}-{replica.id}", service.order.task
