"""Existing subnets brought into a subnet pool."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import Cloud
from tests.api.talk import Talk
from tests.api.test_pool_subnets import check_free, not_taken, taken
from tests.api.test_subnet_pools import pool, scope


def onboard(talk: Talk, made: dict[str, Any], network: dict[str, Any]) -> list[dict[str, str]]:
    answer = talk.client.call(
        "PUT", f"/v2.0/subnetpools/{made['id']}/onboard_network_subnets", {"network_id": network["id"]}
    )
    assert answer.status == 200, answer.body
    return sorted(answer.json(), key=lambda subnet: str(subnet["cidr"]))


def no_onboard(talk: Talk, status: int, kind: str, made: dict[str, Any], network: dict[str, Any]) -> str:
    path = f"/v2.0/subnetpools/{made['id']}/onboard_network_subnets"
    return talk.refused(status, kind, "PUT", path, {"network_id": network["id"]})


def test_the_subnets_of_a_network(cloud: Cloud, blue: Talk) -> None:
    made = pool(blue, "192.168.0.0/24", default_prefixlen=28)
    network, first = blue.network("10.0.0.0/24")
    second = blue.subnet(network, "192.168.0.128/25")
    six = blue.subnet(network, "2001:db8::/64")
    assert onboard(blue, made, network) == [{"id": s["id"], "cidr": s["cidr"]} for s in (first, second)]
    assert blue.show("subnetpool", made["id"])["prefixes"] == ["10.0.0.0/24", "192.168.0.0/24"]
    shown = blue.show("subnet", first["id"])
    assert (shown["subnetpool_id"], shown["revision_number"]) == (made["id"], first["revision_number"] + 1)
    assert blue.show("subnet", six["id"])["subnetpool_id"] is None
    not_taken(blue, 409, "SubnetAllocationError", made, cidr="192.168.0.128/28")
    assert onboard(blue, made, network) == [{"id": s["id"], "cidr": s["cidr"]} for s in (first, second)]
    blue.delete("network", network["id"])
    check_free(cloud, made | {"prefixes": ["10.0.0.0/24", "192.168.0.0/24"]}, [])
    assert taken(blue, made)["cidr"] == "10.0.0.0/28"


def test_a_block_that_another_subnet_of_the_pool_has(blue: Talk) -> None:
    made = pool(blue, "10.0.0.0/24", default_prefixlen=26)
    taken(blue, made)
    network, subnet = blue.network("10.0.0.0/25")
    assert subnet["id"] in no_onboard(blue, 400, "IllegalSubnetPoolUpdate", made, network)
    assert blue.show("subnet", subnet["id"])["subnetpool_id"] is None
    assert blue.show("subnetpool", made["id"]) == made


def test_from_one_pool_into_another(cloud: Cloud, blue: Talk) -> None:
    first, second = pool(blue, "10.0.0.0/24"), pool(blue, "10.1.0.0/24")
    moved = taken(blue, first, cidr="10.0.0.0/25")
    network = {"id": moved["network_id"]}
    assert onboard(blue, second, network) == [{"id": moved["id"], "cidr": "10.0.0.0/25"}]
    assert blue.show("subnet", moved["id"])["subnetpool_id"] == second["id"]
    assert blue.show("subnetpool", first["id"])["prefixes"] == ["10.0.0.0/24"]
    check_free(cloud, first, [])
    check_free(cloud, second | {"prefixes": ["10.0.0.0/25", "10.1.0.0/24"]}, ["10.0.0.0/25"])


def test_within_an_address_scope(blue: Talk) -> None:
    made = scope(blue)
    first, second = (pool(blue, f"10.{n}.0.0/24", address_scope_id=made["id"]) for n in range(2))
    network, _ = blue.network("10.0.0.0/25")
    no_onboard(blue, 409, "AddressScopePrefixConflict", second, network)
    onboard(blue, first, network)
    assert blue.show("network", network["id"])["ipv4_address_scope"] == made["id"]
    no_onboard(blue, 409, "AddressScopePrefixConflict", second, network)


def test_whose_networks(admin: Talk, blue: Talk, red: Talk) -> None:
    made = pool(red)
    network, _ = blue.network("10.0.0.0/24")
    no_onboard(red, 404, "NetworkNotFound", made, network)
    admin.update("network", network["id"], shared=True)
    no_onboard(red, 403, "PolicyNotAuthorized", made, network)
    no_onboard(blue, 404, "SubnetPoolNotFound", made, network)
    path = f"/v2.0/subnetpools/{made['id']}/onboard_network_subnets"
    for body in ({}, {"network_id": network["id"], "x": 1}):
        assert "network_id" in red.refused(400, "InvalidInput", "PUT", path, body)
    red.refused(400, "HTTPBadRequest", "PUT", path, {"network_id": "x"})
    assert len(onboard(admin, made, network)) == 1
    admin.delete("network", network["id"])
