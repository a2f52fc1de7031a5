"""No two machines, pods or load balancers of the cluster share an address."""

import ipaddress
import pathlib

from local import locations
from local.kubernetes import addresses

NET = "10.99.0"


def test_the_networks_of_pods_and_load_balancers_are_apart() -> None:
    networks = [
        ipaddress.IPv4Network(text)
        for text in (
            addresses.load_balancers(NET),
            *(addresses.pods(NET, number) for number in range(addresses.MOST_NODES)),
        )
    ]
    for number, network in enumerate(networks):
        assert network.subnet_of(ipaddress.IPv4Network(f"{NET}.0/24"))
        assert not any(network.overlaps(other) for other in networks[number + 1 :])


def test_the_pods_of_every_node_are_in_the_network_of_all_pods() -> None:
    whole = ipaddress.IPv4Network(addresses.all_pods(NET))
    for number in range(addresses.MOST_NODES):
        assert ipaddress.IPv4Network(addresses.pods(NET, number)).subnet_of(whole)


def test_a_node_has_an_address_for_each_pod() -> None:
    size = ipaddress.IPv4Network(addresses.pods(NET, 0)).num_addresses
    # But for the network, the gateway of the pods and the broadcast.
    assert size - 3 == addresses.MOST_PODS


def test_machines_have_addresses_of_their_own(tmp_path: pathlib.Path) -> None:
    location = locations.Location("unit", NET, tmp_path)
    machines = {
        location.address,
        location.machine_address,
        addresses.control_plane(NET),
        *(addresses.node(NET, number) for number in range(addresses.MOST_NODES)),
    }
    assert len(machines) == addresses.MOST_NODES + 3
    shared = [
        ipaddress.IPv4Network(text)
        for text in (
            addresses.load_balancers(NET),
            *(addresses.pods(NET, number) for number in range(addresses.MOST_NODES)),
        )
    ]
    assert not [
        machine
        for machine in machines
        if any(ipaddress.ip_address(machine) in network for network in shared)
    ]
