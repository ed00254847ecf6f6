"""IPv6 at routers: one interface for all IPv6 subnets of a network, and gateways on networks of both versions."""

from __future__ import annotations

from typing import Any

from tests.api.talk import Talk, addresses
from tests.api.test_routers import External, act, no_act

SLAAC = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}


def dual(talk: Talk) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A network with a subnet of IPv4 and three of IPv6."""
    network, subnet = talk.network("10.0.0.0/24")
    six = [talk.subnet(network, f"fd00:{number}::/64", **SLAAC) for number in (1, 2, 3)]
    return network, [subnet, *six]


def test_ipv6_subnets_of_a_network_share_an_interface(blue: Talk) -> None:
    _, (four, one, two, _) = dual(blue)
    router = blue.create("router")
    ports = [act(blue, router, "add_router_interface", subnet_id=each["id"])["port_id"] for each in (four, one, two)]
    assert ports[0] != ports[1] == ports[2]
    assert addresses(blue.show("port", ports[1])) == ["fd00:1::1", "fd00:2::1"]
    done = act(blue, router, "remove_router_interface", subnet_id=one["id"])
    assert (done["port_id"], done["subnet_ids"]) == (ports[1], [one["id"]])
    assert addresses(blue.show("port", ports[1])) == ["fd00:2::1"]
    no_act(blue, 404, "RouterInterfaceNotFoundForSubnet", router, "remove_router_interface", {"subnet_id": one["id"]})
    blue.delete("subnet", one["id"])
    act(blue, router, "remove_router_interface", subnet_id=two["id"])
    assert [port["id"] for port in blue.list("port", f"?device_id={router['id']}")] == [ports[0]]


def test_a_second_ipv6_port_of_a_network_is_refused(blue: Talk) -> None:
    network, (_, one, two, three) = dual(blue)
    router = blue.create("router")
    port = blue.port(network, fixed_ips=[{"subnet_id": two["id"]}])
    act(blue, router, "add_router_interface", subnet_id=one["id"])
    says = no_act(blue, 400, "BadRequest", router, "add_router_interface", {"port_id": port["id"]})
    assert "Only one IPv6 port" in says
    act(blue, router, "remove_router_interface", subnet_id=one["id"])
    act(blue, router, "add_router_interface", port_id=port["id"])
    assert len(addresses(blue.show("port", port["id"]))) == 3
    no_act(blue, 400, "BadRequest", router, "add_router_interface", {"subnet_id": three["id"]})


def test_what_an_external_router_advertises_is_no_interface(blue: Talk) -> None:
    network, _ = blue.network("10.0.0.0/24")
    outer = blue.subnet(network, "fd00:1::/64", ipv6_address_mode="slaac")
    plain = blue.subnet(network, "fd00:2::/64")
    router = blue.create("router")
    says = no_act(blue, 400, "BadRequest", router, "add_router_interface", {"subnet_id": outer["id"]})
    assert "external router" in says
    act(blue, router, "add_router_interface", subnet_id=plain["id"])


def test_a_gateway_gets_an_address_of_a_new_subnet_of_the_other_version(
    admin: Talk, blue: Talk, outside: External
) -> None:
    external = outside()
    router = blue.create("router", external_gateway_info={"network_id": external["id"]})
    network = {"id": external["id"]}

    def versions() -> list[int]:
        shown = blue.show("router", router["id"])
        found = shown["external_gateway_info"]["external_fixed_ips"]
        return sorted(6 if ":" in each["ip_address"] else 4 for each in found)

    assert versions() == [4]
    admin.subnet(network, "198.51.100.0/24")
    assert versions() == [4]
    revision = blue.show("router", router["id"])["revision_number"]
    admin.subnet(network, "2001:db8::/64", service_types=["network:floatingip"])
    assert versions() == [4]
    admin.subnet(network, "2001:db8:1::/64")
    assert versions() == [4, 6] and blue.show("router", router["id"])["revision_number"] > revision
    admin.subnet(network, "2001:db8:2::/64")
    assert versions() == [4, 6]


def test_a_gateway_that_gets_none_stays_as_it_is(admin: Talk, blue: Talk, outside: External) -> None:
    external = outside()
    router = blue.create("router", external_gateway_info={"network_id": external["id"]})
    pool = [{"start": "2001:db8::5", "end": "2001:db8::5"}]
    other = blue.create("router", external_gateway_info={"network_id": external["id"]})
    admin.subnet({"id": external["id"]}, "2001:db8::/64", allocation_pools=pool)
    found = [blue.show("router", each["id"])["external_gateway_info"]["external_fixed_ips"] for each in (router, other)]
    assert sorted(map(len, found)) == [1, 2]
