"""moto's AWS API, wrapped so that a real host stands behind each instance."""

import base64
import binascii
import dataclasses
import itertools
import logging
import os
import pathlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import yaml
from moto.ec2 import models as ec2_models
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import elastic_block_store
from moto.ec2.models import instances as moto_instances
from moto.server import ThreadedMotoServer

from .. import locations
from ..api_server import home
from ..system import host
from . import account, equipment, instance_types

_log = logging.getLogger("emulator")

ANY = "*"
"""Stands for every instance type where capacity is refused."""

_HOST_NUMBERS = range(10, 250)


@dataclasses.dataclass(frozen=True)
class Login:
    """Who may log in to a new instance."""

    user: str
    keys: tuple[str, ...]


class Emulator:
    """moto on the cloud's address; instances that run, stop, start and end are hosts that do."""

    def __init__(
        self,
        location: locations.Location,
        layers: Sequence[pathlib.Path],
        certificate: pathlib.Path,
    ) -> None:
        self._layers = tuple(layers)
        self._refused: set[str] = set()
        self._location = location
        self._certificate = certificate
        self._hosts: dict[str, host.Host] = {}
        self._lock = threading.Lock()
        self._numbers = itertools.cycle(_HOST_NUMBERS)
        self._server = ThreadedMotoServer(location.address, locations.AWS_PORT, verbose=False)

    def start(self) -> None:
        """Answer the AWS API, for an account that has what SkyPilot takes for granted."""
        logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for each request
        self._attach_hosts()
        # moto forgets the IOPS that come with a launch's disks, then asks for them: an io2, which
        # `disk_tier: best` is, could not be had.
        elastic_block_store.IOPS_REQUIRED_VOLUME_TYPES = []
        self._server.start()
        account.seed(self._location.aws)

    def access(self) -> home.CloudAccess:
        """Return what SkyPilot's API server needs to find this AWS."""
        return equipment.server_access(self._location.aws)

    def describe(self) -> dict[str, Any]:
        """Return its name, address and state, and the types for which there is no capacity."""
        thread = self._server._thread
        is_alive = thread is not None and thread.is_alive()
        return {
            "name": "AWS",
            "url": self._location.aws,
            "state": "healthy" if is_alive else "dead",
            "refused": sorted(self._refused),
        }

    def actions(self) -> Mapping[str, Callable[[Any], None]]:
        """Return what can be done to it, by name."""
        return {
            "kill": self.kill,
            "crash": self.crash,
            "refuse": self.refuse,
            "allow": self.allow,
        }

    def set_layers(self, layers: Sequence[pathlib.Path]) -> None:
        """Give hosts made from now on these layers."""
        self._layers = tuple(layers)

    def instances(self) -> list[dict[str, Any]]:
        """List the instances of all regions that are not terminated, with their hosts."""
        return [
            {
                "id": instance.id,
                "ip": machine.ip if (machine := self._hosts.get(instance.id)) else None,
                "type": instance.instance_type,
                "gpu": _gpu(instance.instance_type),
                "region": region,
                "state": instance.state,
                "spot": instance.lifecycle == "spot",
                "host": "on" if machine and machine.is_on else "off",
                "tags": {tag["key"]: tag["value"] for tag in instance.get_tags()},
            }
            for region, instance in _live_instances()
        ]

    def holds(self) -> list[str]:
        """List the instances by their ids."""
        return [f"instance {instance['id']}" for instance in self.instances()]

    def owner_of(self, process: int) -> str | None:
        """Return the id of the instance that a process runs on."""
        namespace = os.readlink(f"/proc/{process}/ns/pid")  # noqa: PTH115 (not a path)
        for instance_id, machine in list(self._hosts.items()):
            if machine.pid_namespace == namespace:
                return instance_id
        return None

    def kill(self, instance_id: str) -> None:
        """End the instance as a preemption does: power off, instance terminated."""
        _find(instance_id).terminate()

    def crash(self, instance_id: str) -> None:
        """End the instance's processes; AWS goes on calling it running."""
        _find(instance_id)
        self._hosts[instance_id].switch_off()
        _log.info("%s crashed", instance_id)

    def refuse(self, instance_type: str) -> None:
        """Have no capacity for an instance type, or for any (`*`), until it is allowed again."""
        self._refused.add(instance_type)

    def allow(self, instance_type: str) -> None:
        """Have capacity again, for an instance type or for all (`*`)."""
        if instance_type == ANY:
            self._refused.clear()
        self._refused.discard(instance_type)

    def _attach_hosts(self) -> None:
        """Wrap moto's run, terminate, stop and start from outside: it has no hooks for them."""
        run_instances = moto_instances.InstanceBackend.run_instances
        terminate = moto_instances.Instance.terminate
        stop = moto_instances.Instance.stop
        start = moto_instances.Instance.start
        emulator = self

        def run(
            backend: Any, image: str, count: int, user_data: Any, groups: Any, **options: Any
        ) -> Any:
            emulator._check_capacity(options["instance_type"])
            reservation = run_instances(backend, image, count, user_data, groups, **options)
            for instance in reservation.instances:
                emulator._create_host(instance, backend.region_name)
            return reservation

        def end(instance: Any) -> Any:
            previous = terminate(instance)
            with emulator._lock:
                machine = emulator._hosts.pop(instance.id, None)
            if machine:
                # Not in the caller's time: AWS, too, answers before the machine is gone.
                threading.Thread(target=machine.destroy).start()
                _log.info("%s terminated", instance.id)
            return previous

        def switch_off(instance: Any) -> Any:
            previous = stop(instance)
            if machine := emulator._hosts.get(instance.id):
                machine.switch_off()
                instance.nics[0].public_ip = None
                _log.info("%s stopped", instance.id)
            return previous

        def switch_on(instance: Any) -> Any:
            previous = start(instance)
            machine = emulator._hosts.get(instance.id)
            if machine and not machine.is_on:
                machine.boot()
                _set_address(instance, machine.ip)
                _log.info("%s started", instance.id)
            return previous

        moto_instances.InstanceBackend.run_instances = run
        moto_instances.Instance.terminate = end
        moto_instances.Instance.stop = switch_off
        moto_instances.Instance.start = switch_on

    def _check_capacity(self, instance_type: str) -> None:
        if self._refused & {instance_type, ANY}:
            _log.info("refused a %s: no capacity", instance_type)
            raise EC2ClientError(
                "InsufficientInstanceCapacity",
                f"We currently do not have sufficient {instance_type} capacity "
                "in the Availability Zone you requested.",
            )

    def _create_host(self, instance: Any, region: str) -> None:
        started = time.monotonic()
        with self._lock:
            ip = self._free_address()
            machine = self._hosts[instance.id] = host.Host(
                self._location.hosts / instance.id,
                ip,
                console=self._location.logs / f"{instance.id}.log",
                layers=self._layers,
                gateway=self._location.address,
            )
        _set_address(instance, ip)
        if not instance.security_groups:  # moto forgets groups that come with a network interface
            instance.security_groups = list(instance.nics[0].group_set)
        try:
            login = parse_user_data(instance.user_data)
            machine.create()
            machine.add_user(login.user)
            equipment.equip_host(
                *(machine.root, login.user, login.keys, self._location.aws, self._certificate)
            )
            machine.boot()
        except Exception:
            _log.exception("%s could not be made", instance.id)
            instance.terminate()
            raise
        _log.info(
            "%s %s in %s at %s, up in %.2f s",
            *(instance.id, instance.instance_type, region, ip, time.monotonic() - started),
        )

    def _free_address(self) -> str:
        """Take the next address round the circle: as in AWS, none comes again soon.

        Neighbours' ARP caches and SkyPilot's SSH sockets know the dead host by its address.
        """
        used = {machine.ip for machine in self._hosts.values()}
        for _ in range(len(_HOST_NUMBERS)):
            ip = f"{self._location.net}.{next(self._numbers)}"
            if ip not in used:
                return ip
        raise EC2ClientError("InsufficientFreeAddressesInSubnet", "All addresses are in use.")


def parse_user_data(user_data: object) -> Login:
    """Read the first user of an instance's cloud-config; moto keeps it in base64, once or twice."""
    data = str(user_data or "").encode()
    for _ in range(2):
        try:
            data = base64.b64decode(data, validate=True)
        except binascii.Error:
            break
    users = (yaml.safe_load(data) or {}).get("users") or [{}]
    return Login(users[0].get("name", "ubuntu"), tuple(users[0].get("ssh_authorized_keys", ())))


def _gpu(instance_type: str) -> str | None:
    kind = instance_types.BY_NAME.get(instance_type)
    return f"{kind.gpu.name}:{kind.gpus}" if kind and kind.gpu else None


def _set_address(instance: Any, ip: str) -> None:
    """Set one address, public and private: the API server and the hosts share one network."""
    interface = instance.nics[0]
    interface.public_ip = ip
    interface.private_ip_address = ip
    interface.private_ip_addresses = [{"Primary": True, "PrivateIpAddress": ip}]


def _live_instances() -> Iterator[tuple[str, Any]]:
    for backends in list(ec2_models.ec2_backends.values()):
        for region, backend in list(backends.items()):
            for reservation in list(backend.reservations.values()):
                for instance in reservation.instances:
                    if instance.state != "terminated":
                        yield region, instance


def _find(instance_id: str) -> Any:
    for _, instance in _live_instances():
        if instance.id == instance_id:
            return instance
    raise LookupError(f"there is no live instance {instance_id}; `status` lists them")
