"""What translates the floating IPs of a distributed router on the host of their guests, as text."""

from __future__ import annotations

from tests.fakes import l3
from tests.golden.helper import check_golden

from heddle.agent.pipeline import WiredPort
from heddle.agent.roles.floating_plan import FloatingInput, plan
from heddle.agent.routed_floating import Translated, floating_flows
from heddle.host.nft import render
from heddle.view.types import Route

GATE = l3.port(5, "public", {}, "network:floatingip_agent_gateway", "r1")
GUESTS = (l3.port(9, "n1", {"s1": "10.0.0.9"}), l3.port(8, "n2", {"s2": "10.0.1.8"}))


def given(admin_state_up: bool = True) -> FloatingInput:
    """Two guests on networks with other MTUs than the outside, and a route by way of a neighbour there."""
    routes = [Route("192.0.2.0/24", "203.0.113.7"), Route("198.51.100.0/24", "10.0.0.7")]
    floating = (
        l3.floating_ip("f2", "r1", "203.0.113.21", "10.0.1.8", GUESTS[1]),
        l3.floating_ip("f1", "r1", "203.0.113.20", "10.0.0.9", GUESTS[0]),
    )
    subnets = (l3.subnet("public4", "public", "203.0.113.0/24", "203.0.113.1"), l3.subnet("six", "public", "fd00::/64"))
    return FloatingInput(
        l3.router("r1", admin_state_up=admin_state_up, routes=routes), GATE, l3.network("public", 1500, external=True),
        subnets, "203.0.113.1", floating, {"f1": 1450, "f2": 9000},
    )  # fmt: skip


def test_the_namespace() -> None:
    made = plan(given())
    (item,) = made.layout.interfaces
    lines = [f"interface {item.name} mac {item.mac} mtu {item.mtu}", *sorted(item.addresses)]
    lines += [f"route {each.destination} via {each.gateway or 'link'} mtu {each.mtu}{' onlink' * each.onlink}"
              for each in sorted(made.layout.routes)]  # fmt: skip
    check_golden("router/floating-place.layout", "\n".join(lines) + "\n")
    check_golden("router/floating-place.nft", render(made.table))


def test_nothing_passes_a_router_that_is_down() -> None:
    assert "hook forward priority filter; policy drop;" in render(plan(given(False)).table)
    assert "hook forward priority filter; policy accept;" in render(plan(given()).table)


def test_what_leads_there() -> None:
    gate = WiredPort("gate", 7, 3, GATE.mac_address)
    guests = [Translated("10.0.0.9", GUESTS[0].mac_address, 1, 0xA, "fa:16:3e:aa:00:01")]
    flows = floating_flows("r1", gate, guests, ["10.0.0.0/24", "10.0.1.0/24", "198.51.100.0/24"])
    lines = [f"table={k.table},priority={k.priority},{k.match} actions={b.actions}\n" for k, b in flows.items()]
    check_golden("flows/floating.flows", "".join(sorted(lines)))
