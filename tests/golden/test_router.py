"""The rules and the layout of routers, as text."""

from __future__ import annotations

import msgspec
import pytest
from tests.fakes import l3
from tests.fakes.objects import policy
from tests.golden.helper import check_golden

from heddle.agent.roles.router_plan import RouterInput, RouterPlan, plan
from heddle.host.meters import change, table
from heddle.host.nft import canonical, render, replacement, update
from heddle.host.radvd import configuration
from heddle.view.types import ConntrackHelper, MeteringRule, Route

NETWORKS = {
    "blue": l3.network("blue"),
    "green": l3.network("green", mtu=1400, tunnel=8),
    "red": l3.network("red", tunnel=9),
    "public": l3.network("public", mtu=1500, external=True),
}
SUBNETS = {
    "blue4": l3.subnet("blue4", "blue", "10.0.0.0/24", "10.0.0.1"),
    "blue6": l3.subnet("blue6", "blue", "fd00:1::/64", "fd00:1::1"),
    "green4": l3.subnet("green4", "green", "10.0.1.0/24", "10.0.1.1"),
    "public4": l3.subnet("public4", "public", "203.0.113.0/24", "203.0.113.1"),
    "public6": l3.subnet("public6", "public", "2001:db8::/64", "fe80::1"),
    "far": l3.subnet("far", "public", "198.51.100.8/29", "203.0.113.1"),
}
SCOPES = {"blue4": "A", "green4": "B", "blue6": "C", "green6": "C", "red4": "A"}
IN_SCOPES = {
    "green6": l3.subnet("green6", "green", "fd00:2::/64", "fd00:2::1", address_scope="C"),
    "red4": l3.subnet("red4", "red", "10.0.2.0/24", "10.0.2.1", address_scope="A"),
    **{id: msgspec.structs.replace(subnet, address_scope=SCOPES.get(id, "")) for id, subnet in SUBNETS.items()},
}
SIX = {
    "blue6": l3.subnet("blue6", "blue", "fd00:1::/64", "fd00:1::1", dns_nameservers=["fd00:53::1", "fd00:53::2"]),
    "green6": IN_SCOPES["green6"],
    "red6": l3.subnet("red6", "red", "fd00:3::/64", "", dns_nameservers=["fd00:53::1"]),
}
POLICIES = {each.id: each for each in (
    policy("gold", ("egress", "kbps", 2_000, 0), ("ingress", "kbps", 3_000, 6_000), ("ingress", "kpps", 2, 0), dscp=46),
    policy("slow", ("egress", "kbps", 1_000, 0), ("ingress", "kpps", 1, 0)),
)}  # fmt: skip
GUEST = l3.port(9, "blue", {"blue4": "10.0.0.9"})
OTHER = l3.port(10, "green", {"green4": "10.0.1.10"})


def given(kind: str) -> RouterInput:
    gateway = l3.gateway_port(1, "r1", {"public4": "203.0.113.10", "public6": "2001:db8::10"})
    far = l3.gateway_port(1, "r1", {"far": "198.51.100.10"})
    blue = l3.interface_port(2, "r1", "blue", {"blue4": "10.0.0.1", "blue6": "fd00:1::1"})
    private = msgspec.structs.replace(blue, pvlan_type="promiscuous")
    green = l3.interface_port(3, "r1", "green", {"green4": "10.0.1.1"})
    floating = (
        l3.floating_ip("f2", "r1", "203.0.113.21", "10.0.1.10", OTHER),
        l3.floating_ip("f1", "r1", "203.0.113.20", "10.0.0.9", GUEST),
    )
    policed = (msgspec.structs.replace(floating[0], qos_policy="gold"), floating[1])
    forwarding = l3.forwarding_ip(
        "f3", "r1", "203.0.113.22",
        l3.forwarding((2222, 2222), "10.0.0.9", (22, 22)), l3.forwarding((80, 80), "10.0.0.9", (80, 80)),
        l3.forwarding((8000, 8010), "10.0.1.10", (8000, 8010)), l3.forwarding((9000, 9002), "10.0.0.9", (90, 92)),
        l3.forwarding((5000, 5010), "10.0.0.9", (53, 53), "udp"), l3.forwarding((1, 1), "10.0.0.9", (1, 1), "icmp"),
    )  # fmt: skip
    reds = l3.interface_port(4, "r1", "red", {"red4": "10.0.2.1", "red6": "fd00:3::1"})
    red = l3.interface_port(4, "r1", "red", {"red4": "10.0.2.1"})
    greens = l3.interface_port(3, "r1", "green", {"green4": "10.0.1.1", "green6": "fd00:2::1"})
    subnets = dict(SUBNETS)
    if kind == "advertising":
        modes = {"blue6": "slaac", "green6": "dhcpv6-stateful", "red6": "dhcpv6-stateless"}
        subnets |= {"red4": IN_SCOPES["red4"]}
        subnets |= {id: msgspec.structs.replace(SIX[id], ipv6_ra_mode=mode) for id, mode in modes.items()}
    if "scope" in kind:
        subnets = dict(IN_SCOPES)
    if kind == "outer-scope":
        subnets["public4"] = msgspec.structs.replace(subnets["public4"], address_scope="A")
        subnets["public6"] = msgspec.structs.replace(subnets["public6"], address_scope="C")
    extra = [Route("192.168.0.0/16", "10.0.1.77"), Route("172.16.0.5/12", "10.0.0.77"), Route("1.1.1.0/24", "9.9.9.9")]
    followed = [
        ConntrackHelper(*each)
        for each in (("tftp", "udp", 69), ("h323", "tcp", 1720), ("ftp", "tcp", 21), ("amanda", "tcp", 1))
    ]
    cases = {
        "isolated": (l3.router("r1"), (blue, green), ()),
        "gateway": (l3.router("r1", gateway), (gateway, blue), ()),
        "floating": (l3.router("r1", gateway), (gateway, blue, green), floating),
        "no-snat": (l3.router("r1", gateway, enable_snat=False), (gateway, blue), floating[1:]),
        "forwarding": (l3.router("r1", gateway), (gateway, blue, green), (*floating[1:], forwarding)),
        "down": (l3.router("r1", gateway, admin_state_up=False), (gateway, blue), ()),
        "scopes": (l3.router("r1", gateway), (gateway, blue, greens, red), ()),
        "outer-scope": (l3.router("r1", gateway), (gateway, blue, greens, red), floating),
        "ndp": (l3.router("r1", gateway, enable_ndp_proxy=True, ndp_proxies=["fd00:1::9"]), (gateway, blue, green), ()),
        "helpers": (l3.router("r1", gateway, conntrack_helpers=followed), (gateway, blue), ()),
        "advertising": (l3.router("r1", gateway), (gateway, blue, greens, reds), ()),
        "routes": (l3.router("r1", far, routes=extra), (far, blue, green), ()),
        "limits": (l3.router("r1", gateway, qos_policy="slow"), (gateway, blue, green), policed),
        "private": (l3.router("r1", gateway), (gateway, private, green), floating),
        "metadata": (l3.router("r1", gateway), (gateway, blue), floating[1:]),
        "metadata-down": (l3.router("r1", gateway, admin_state_up=False), (gateway, blue), ()),
    }
    router, ports, floating_ips = cases[kind]
    lacking = frozenset({("amanda", "tcp")})
    metadata = kind.startswith("metadata")
    return RouterInput(router, ports, NETWORKS, subnets, floating_ips, (), metadata, lacking, POLICIES)


KINDS = [
    "isolated", "gateway", "floating", "no-snat", "forwarding", "down", "routes", "scopes", "outer-scope", "ndp",
    "metadata", "metadata-down", "helpers", "advertising", "limits",
    "private",
]  # fmt: skip


def layout_text(made: RouterPlan) -> str:
    lines = []
    for item in made.layout.interfaces:
        lines.append(f"interface {item.name} mac {item.mac} mtu {item.mtu} port {made.plugs[item.name].id}")
        lines += ["    listens to router advertisements"] * item.listens
        lines += [f"    address {address}" for address in sorted(item.addresses)]
        lines += [f"    answers for {address}" for address in sorted(item.proxied)]
    for route in sorted(made.layout.routes):
        lines.append(f"route {route.destination} via {route.gateway} dev {route.device}{' onlink' * route.onlink}")
    lines += [f"problem {kind} {id_}: {text}" for (kind, id_), text in sorted(made.problems.items())]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("kind", KINDS)
def test_router(kind: str) -> None:
    made = plan(given(kind))
    check_golden(f"router/{kind}.nft", render(made.table))
    check_golden(f"router/{kind}.layout", layout_text(made))
    if made.advertised:
        check_golden(f"router/{kind}.radvd", "".join(f"{line}\n" for line in configuration(made.advertised)))


def test_replacement_is_one_transaction() -> None:
    table = plan(given("isolated")).table
    assert replacement(table).startswith("table inet heddle\ndelete table inet heddle\ntable inet heddle {\n")


def test_a_floating_ip_more_is_an_element_more() -> None:
    more, fewer = plan(given("floating")).table, plan(given("floating"))
    case = given("floating")
    fewer = plan(RouterInput(case.router, case.ports, case.networks, case.subnets, case.floating_ips[1:])).table
    check_golden("router/floating-added.nft", update(fewer, more))
    check_golden("router/floating-removed.nft", update(more, fewer))


def test_other_rules_need_the_whole_table() -> None:
    assert update(plan(given("gateway")).table, plan(given("no-snat")).table) == ""


def test_meters() -> None:
    case = given("gateway")
    rules = [
        MeteringRule("b", "egress", source="10.0.0.0/24"), MeteringRule("a", "ingress", source="::/0"),
        MeteringRule("c", "egress", True, "10.0.0.9/32", "fd00::/64"),
        MeteringRule("d", "egress", True, "10.0.0.9/32", "192.0.2.0/24"),
    ]  # fmt: skip
    labels = (l3.label("web", *rules, project="p"), l3.label("all", shared=True), l3.label("no", project="q"))
    router = msgspec.structs.replace(case.router, project_id="p")
    made = plan(RouterInput(router, case.ports, case.networks, case.subnets, (), labels)).meters
    before = table(made, dict.fromkeys(made, 7))
    check_golden("router/meters.nft", render(before))
    after = plan(RouterInput(router, case.ports, case.networks, case.subnets, (), labels[:1])).meters
    check_golden("router/meters-changed.nft", change(render(before), table(after, {"web": 7})))


def test_canonical_ignores_space_and_order() -> None:
    text = render(plan(given("floating")).table)
    listed = text.replace("203.0.113.20 : 10.0.0.9, 203.0.113.21 : 10.0.1.10",
                          "203.0.113.21 : 10.0.1.10,\n\t\t\t     203.0.113.20 : 10.0.0.9")  # fmt: skip
    assert listed != text
    assert canonical(listed) == canonical(text)
    assert canonical(text.replace("policy accept", "policy drop")) != canonical(text)
