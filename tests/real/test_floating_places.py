"""Floating IPs on the host of their guests, with packets: no host carries the router, and so nothing can pass it.

The guests `one` and `two` have floating IPs, `plain` has none; `outside` is on the external network.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from tests.fakes import l3
from tests.real.lab import L3Lab, l3_lab
from tests.real.tenant import OPEN, with_outside
from tests.real.traffic import Pinging, Talking, catching, connects, eventually, listening, send, udp

from heddle.agent.routed_floating import FLOATING_GATEWAY
from heddle.agent.routed_flows import ROUTE
from heddle.view.types import FloatingIpView, GroupView, NeighbourView, PortView, Ref, RuleView

pytestmark = pytest.mark.real

ROUTER, OUTSIDE = l3.uuid(0x300), "203.0.113.1"
SPACE = f"qfip-{ROUTER}"
PORTS = {name: l3.port(0x310 + n, "net", {"net4": f"10.0.0.{10 + n}"}, security_groups=["open"])
         for n, name in enumerate(("one", "two", "plain"))}  # fmt: skip
GATE = l3.port(0x302, "public", {}, FLOATING_GATEWAY, ROUTER, port_security=False)
CLOSED = GroupView(id="closed", rules=[
    RuleView(id="c", direction="ingress", ethertype=4, protocol=6, port_min=80, port_max=80), *OPEN.rules[1:],
])  # fmt: skip


def floating(name: str, host: str = "host1") -> FloatingIpView:
    return FloatingIpView(
        id=name, router_id=ROUTER, floating_ip=address(name), port_id=PORTS[name].id, floating_network_id="public",
        fixed_ip=PORTS[name].fixed_ips[0].ip_address, host=host,
    )  # fmt: skip


def address(name: str) -> str:
    return {"one": "203.0.113.21", "two": "203.0.113.22"}[name]


def neighbour(of: PortView, distributed: bool = False) -> NeighbourView:
    return l3.neighbour(of, host="elsewhere", device_id=ROUTER, distributed=distributed)


@pytest.fixture(scope="module")
def made() -> Iterator[L3Lab]:
    with l3_lab() as each:
        with_outside(each)
        gateway = l3.gateway_port(0x301, ROUTER, {"public4": "203.0.113.10"})
        inside = l3.interface_port(0x303, ROUTER, "net", {"net4": "10.0.0.1"})
        each.cloud.put(
            CLOSED, l3.network("net", tunnel=31), l3.subnet("net4", "net", "10.0.0.0/24", "10.0.0.1"),
            neighbour(gateway), neighbour(inside, distributed=True), l3.router(ROUTER, gateway),
        )  # fmt: skip
        for name, port in PORTS.items():
            each.cloud.port(port)
            each.host.plug(name, port.mac_address, [f"{port.fixed_ips[0].ip_address}/24"], port.id, gateway="10.0.0.1")
        each.cloud.port(GATE)
        each.cloud.put(floating("one"), floating("two"))
        each.serve("outside", 8080)
        yield each


@pytest.fixture
def ready(made: L3Lab) -> L3Lab:
    for name in ("one", "two"):
        made.until(lambda n=name: made.host.pings("outside", address(n), wait=0.5), 15, f"{name} is reached")
    return made


def test_both_ways_without_the_router_s_host(ready: L3Lab) -> None:
    """Who has no floating IP gets nowhere: the router is on no host."""
    assert ready.host.pings("one", OUTSIDE, 5) and ready.host.pings("outside", address("one"), 5)
    for name in ("one", "two"):
        ready.until(lambda n=name: seen(ready, n) == address(n), 10, f"{name} is seen under its floating IP")
    assert not ready.host.pings("plain", OUTSIDE, wait=0.5) and ready.host.pings("plain", "10.0.0.10")
    assert ready.cloud.state_of("floating_ip", "one") == "up"
    assert not ready.has_space(f"qrouter-{ROUTER}")


def test_from_one_to_another_and_to_itself(ready: L3Lab) -> None:
    ready.serve("two", 8081)
    ready.until(lambda: ready.answer("one", address("two"), 8081) == f"two 8081 {address('one')}", 10, "it answers")
    assert ready.host.pings("one", address("two"), 3) and ready.host.pings("one", address("one"), 3)
    assert ready.answer("one", "10.0.0.11", 8081) == "two 8081 10.0.0.10", "between the networks nothing is translated"


def test_the_rules_of_the_guest_hold(ready: L3Lab) -> None:
    ready.cloud.port(l3.port(0x310, "net", {"net4": "10.0.0.10"}, security_groups=["closed"]))
    try:
        ready.until(lambda: not ready.host.pings("outside", address("one"), wait=0.3), 10, "the guest is closed")
        with listening(ready.host, "one", 80), listening(ready.host, "one", 81):
            assert connects(ready.host, "outside", address("one"), 80)
            assert not connects(ready.host, "outside", address("one"), 81)
    finally:
        ready.cloud.port(PORTS["one"])
    ready.until(lambda: ready.host.pings("outside", address("one"), wait=0.5), 10, "the guest is open again")


def test_nobody_outside_routes_in_or_says_that_he_is_a_guest(ready: L3Lab) -> None:
    """With the floating IPs as gateways; the same guest is reached under its address."""
    via = ("via", address("one"))
    ready.in_space("outside", "ip", "route", "replace", "10.0.0.0/24", *via)
    assert not ready.host.pings("outside", "10.0.0.11", wait=0.5)
    ready.in_space("outside", "ip", "route", "del", "10.0.0.0/24", *via)
    assert ready.host.pings("outside", address("two"))
    for sender, nonce, comes in ((OUTSIDE, "0a0b0c01", 1), ("10.0.0.10", "0a0b0c02", 0)):
        with catching(ready.host, ["two"], nonce) as caught:
            send(ready.host, "outside", udp("fa:16:3e:ff:00:01", GATE.mac_address, sender, address("two"), nonce))
        assert len(caught["two"]) == comes, sender


def test_the_sender_is_told_of_the_guests_mtu(ready: L3Lab) -> None:
    for size, said in ((1422, "1 received"), (1472, "mtu = 1450")):
        ping = ("ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", str(size), address("one"))
        assert said in ready.in_space("outside", *ping, check=False), size


def test_its_end_is_silence_and_cuts_what_went_on(ready: L3Lab) -> None:
    cut = Talking(ready.host, ("outside", "one"), address("one"), 4001)
    kept = Talking(ready.host, ("outside", "two"), address("two"), 4001)
    try:
        assert cut.goes_on() and kept.goes_on()
        ready.cloud.remove(Ref("floating_ip", "one"))
        ready.until(lambda: not ready.host.pings("outside", address("one"), wait=0.3), 10, "it is silent")
        assert cut.is_silent() and kept.goes_on()
        assert not ready.host.pings("one", OUTSIDE, wait=0.5)
    finally:
        ready.cloud.put(floating("one"))
        cut.close()
        kept.close()
    ready.until(lambda: ready.host.pings("outside", address("one"), wait=0.5), 10, "it is reached again")


def test_the_agent_dies_and_nothing_is_lost(ready: L3Lab) -> None:
    flows, rules = _flows(ready), ready.in_space(SPACE, "nft", "list", "ruleset")
    lost = []
    for _ in range(3):  # a machine without time for the switch loses pings by itself
        pinging = Pinging(ready.host, "outside", address("one"), 6)
        ready.agent.stop(signal.SIGKILL)
        ready.start_agent()
        sent, missing = pinging.result()
        lost.append(missing)
        assert sent > 100
        if not missing:
            break
    assert 0 in lost, f"lost in each turn: {lost}"
    assert _flows(ready) == flows
    assert ready.in_space(SPACE, "nft", "list", "ruleset") == rules


def test_what_is_changed_by_hand_is_mended(ready: L3Lab) -> None:
    told = len(ready.cloud.reports)
    ready.until(lambda: len(ready.cloud.reports) > told + 1, 10, "the agent that runs now has reported")
    rules, route = ("nft", "flush", "chain", "inet", "heddle", "postrouting"), ("ip", "route", "delete", "10.0.0.10/32")
    for damage in (rules, route):
        drift = ready.cloud.reports[-1].drift
        ready.in_space(SPACE, *damage)
        ready.until(lambda n=drift: ready.cloud.reports[-1].drift > n, 10, f"it is counted: {damage}")
        assert eventually(lambda: ready.host.pings("outside", address("one"), wait=0.3), 20)
        ready.until(lambda: seen(ready, "one") == address("one"), 10, "it is translated again")
    ready.host.run("ip", "netns", "delete", SPACE)
    assert eventually(lambda: ready.host.pings("outside", address("one"), wait=0.3), 20)


def test_the_last_takes_all_with_it(ready: L3Lab) -> None:
    assert _leads_out(ready, "10.0.0.10")
    ready.cloud.remove_port(GATE.id)
    ready.cloud.put(floating("one", host=""), floating("two", host="elsewhere"))
    ready.until(lambda: not ready.has_space(SPACE), 10, "the namespace is gone")
    assert eventually(lambda: "fg-" not in ready.host.run("ovs-vsctl", "list-ports", "br-int"))
    assert eventually(lambda: not _leads_out(ready, "10.0.0.10"))
    assert not ready.host.pings("outside", address("one"), wait=0.5)


def seen(made: L3Lab, guest: str) -> str:
    """The address under which the outside sees a guest."""
    return made.answer(guest, OUTSIDE, 8080).rpartition(" ")[2]


def _leads_out(made: L3Lab, guest: str) -> bool:
    """Whether what a guest sends to the outside is led to the namespace."""
    words = (f"table={ROUTE},", f"nw_src={guest} ")
    return any(all(word in flow for word in words) for flow in _flows(made))


def _flows(made: L3Lab) -> list[str]:
    return sorted(made.host.run("ovs-ofctl", "--no-stats", "dump-flows", "br-int").splitlines())
