"""Which addresses of a network belong to one port alone."""

from __future__ import annotations

import pytest

from heddle.agent.claims import owned
from heddle.view.types import AddressPair, FixedIp, NeighbourView


def neighbour(
    name: str, *addresses: str, host: str = "h", pairs: tuple[str, ...] = (), **more: object
) -> NeighbourView:
    values = {
        "id": name, "network_id": "n", "mac_address": f"mac-{name}", "host": host,
        "fixed_ips": [FixedIp("s", each) for each in addresses],
        "allowed_address_pairs": [AddressPair(each, f"mac-{name}") for each in pairs], **more,
    }  # fmt: skip
    return NeighbourView(**values)  # type: ignore[arg-type]


def names(*neighbours: NeighbourView) -> list[tuple[str, str]]:
    return [(address, each.id) for address, each in owned(neighbours)]


def test_fixed_addresses_of_bound_ports() -> None:
    found = names(neighbour("a", "10.0.0.1", "2001:db8::1"), neighbour("b", "10.0.0.2", host=""))
    assert found == [("10.0.0.1", "a"), ("2001:db8::1", "a")]


@pytest.mark.parametrize(("pair", "left"), [
    ("10.0.0.1", ["2001:db8::1"]), ("10.0.0.1/32", ["2001:db8::1"]), ("10.0.0.0/24", ["2001:db8::1"]),
    ("0.0.0.0/0", ["2001:db8::1"]), ("2001:db8::/64", ["10.0.0.1"]), ("2001:db8:0::1", ["10.0.0.1"]),
    ("10.0.1.0/24", ["10.0.0.1", "2001:db8::1"]), ("10.0.0.2", ["10.0.0.1", "2001:db8::1"]),
])  # fmt: skip
def test_pairs_of_another_port(pair: str, left: list[str]) -> None:
    found = names(neighbour("a", "10.0.0.1", "2001:db8::1"), neighbour("b", pairs=(pair,)))
    assert [address for address, _ in found] == left


def test_a_pair_of_the_port_itself_is_its_own() -> None:
    assert names(neighbour("a", "10.0.0.1", pairs=("10.0.0.1", "10.0.0.0/24"))) == [("10.0.0.1", "a")]


def test_without_port_security_only_the_clouds_own_ports() -> None:
    free = {"port_security": False}
    found = names(
        neighbour("a", "10.0.0.1", **free), neighbour("r", "10.0.0.2", device_owner="network:router_interface", **free)
    )
    assert found == [("10.0.0.2", "r")]
