"""A network comes to need MACs of the cloud's own while a port gets another: one of the two is refused."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk
from tests.api.test_floating_ip_races import at_once

ROUNDS = 8
FOREIGN = "02:00:00:00:00:07"
ISOLATION = "heddle:subnet_isolation"
OWN = {"device_owner": "network:service", "port_security_enabled": True}
_numbers = itertools.count(700)


def vlan() -> dict[str, Any]:
    return {"network_type": "vlan", "physical_network": "physnet1", "segmentation_id": next(_numbers)}


def made(admin: Talk, way: str) -> tuple[dict[str, Any], tuple[str, str, Any]]:
    """A network, and what makes it need such MACs: its subnets part, or it comes onto a physical network."""
    if way == "parted":
        network = admin.create("network", {f"provider:{name}": value for name, value in vlan().items()})
        return network, ("PUT", f"/v2.0/networks/{network['id']}", {"network": {ISOLATION: True}})
    network = admin.create("network", {ISOLATION: True})
    return network, ("POST", "/v2.0/segments", {"segment": {**vlan(), "network_id": network["id"]}})


def foreign(admin: Talk, how: str, network: dict[str, Any]) -> tuple[str, str, Any]:
    """The request by which a port of the network gets another MAC, or begins to be a guest's."""
    if how == "created":
        return "POST", "/v2.0/ports", {"port": {"network_id": network["id"], "mac_address": FOREIGN}}
    if how == "given":
        port = admin.port(network)
        return "PUT", f"/v2.0/ports/{port['id']}", {"port": {"mac_address": FOREIGN}}
    if how == "paired":
        port, pair = admin.port(network), {"ip_address": "10.0.0.9", "mac_address": FOREIGN}
        return "PUT", f"/v2.0/ports/{port['id']}", {"port": {"allowed_address_pairs": [pair]}}
    port = admin.port(network, OWN, mac_address=FOREIGN)
    return "PUT", f"/v2.0/ports/{port['id']}", {"port": {"device_owner": "compute:nova"}}


@pytest.mark.parametrize("way", ["parted", "physical"])
@pytest.mark.parametrize("how", ["created", "given", "paired", "owned"])
def test_not_both(cloud: Cloud, admin: Talk, way: str, how: str) -> None:
    outcomes = set()
    for turn in range(ROUNDS):
        network, switched = made(admin, way)
        asked = foreign(admin, how, network)
        first, second = at_once(admin, *((switched, asked) if turn % 2 else (asked, switched)))
        network_status, port_status = (first, second) if turn % 2 else (second, first)
        if network_status < 300:
            assert port_status == 400
        else:
            assert (network_status, port_status) in ((409, 200), (409, 201))
        outcomes.add(network_status < 300)
    assert outcomes


def test_a_port_becomes_isolated_while_its_network_comes_onto_a_physical_one(cloud: Cloud, admin: Talk) -> None:
    for _ in range(ROUNDS):
        network = admin.create("network", pvlan=True)
        port = admin.port(network, mac_address=FOREIGN)
        segment = {"segment": {**vlan(), "network_id": network["id"]}}
        isolated = {"port": {"pvlan_type": "isolated"}}
        there, apart = at_once(
            admin, ("POST", "/v2.0/segments", segment), ("PUT", f"/v2.0/ports/{port['id']}", isolated)
        )
        assert (there, apart) in ((201, 400), (409, 200))
