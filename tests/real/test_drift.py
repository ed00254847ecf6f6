"""What somebody undoes by hand is back soon, reported as drift with its name, and packets go on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.fakes import l3
from tests.real.lab import L3Lab, l3_lab
from tests.real.tenant import Tenant, with_outside

from heddle.view.types import AssignmentView

pytestmark = pytest.mark.real

INSIDE = f"qr-{l3.uuid(0x102)[:11]}"
SERVER = f"tap{l3.uuid(0x140)[:11]}"
# What is done in the host, where {router} and {served} are namespaces; and what of it the log must name.
DAMAGE = {
    "flows": ("ovs-ofctl -O OpenFlow14 del-flows br-int", "role=switch"),
    "a strange flow": (
        "ovs-ofctl -O OpenFlow14 add-flow br-int priority=9999,actions=drop", "found=[priority=9999 actions=drop]"
    ),
    "how fragments are taken": (
        "ovs-ofctl -O OpenFlow14 set-frags br-int normal", "expected=[the ports of first fragments matched (nx-match)]"
    ),
    "the tunnel bridge": ("ovs-vsctl del-br br-tun", "kind=bridge"),
    "a port of the switch": (f"ovs-vsctl del-port br-int {INSIDE}", f"kind=port id={l3.uuid(0x102)}"),
    "a veth": (f"ip link del {INSIDE}", f"expected=[{{router}}: interface {INSIDE}]"),
    "an interface down": (f"ip -n {{router}} link set {INSIDE} down", f"expected=[{{router}}: {INSIDE}: "),
    "an address": (f"ip -n {{router}} addr del 10.0.0.1/24 dev {INSIDE}", "expected=[{router}: address 10.0.0.1/24"),
    "a route": ("ip -n {router} route del default", "expected=[{router}: route 0.0.0.0/0 via 203.0.113.1"),
    "a strange route": ("ip -n {router} route add 203.0.113.1/32 dev lo", "found=[203.0.113.1/32 dev lo]"),
    "a table": ("ip netns exec {router} nft delete table inet heddle", "expected=[{router}: table inet heddle]"),
    "a namespace": ("ip netns del {router}", "expected=[namespace {router}]"),
    "dnsmasq": ("kill -9 $(ip netns pids {served})", "expected=[{served}: dnsmasq in {served}]"),
    "a file of dnsmasq": ("rm -f {folder}/run/dhcp/*/hosts", "expected=[{served}: dnsmasq's file hosts"),
    "the namespace of a server": (
        "pid=$(ip netns pids {served}); ip netns del {served}; kill $pid", "expected=[namespace {served}]"
    ),
}


@pytest.fixture(scope="module")
def made() -> Iterator[L3Lab]:
    with l3_lab() as each:
        each.agent.stop()
        each.agent.settings.append("agent.resync_seconds=600")  # it would repair as well, and tell nothing
        each.start_agent()
        with_outside(each)
        yield each


@pytest.fixture(scope="module")
def blue(made: L3Lab) -> Tenant:
    tenant = Tenant(made, "blue", 0x100, "203.0.113.10", 100)
    made.cloud.put(AssignmentView(id="dhcp/blue-a", role="dhcp", object_id="blue-a"))
    made.cloud.port(l3.dhcp_port(0x140, "blue-a", {"blue-a-4": "10.0.0.2"}))
    made.until(lambda: made.cloud.state_of("router", tenant.router) == "up", 5, "the router is up")
    made.until(lambda: made.cloud.state_of("network", "blue-a") == "up", 5, "the network is served")
    return tenant


@pytest.mark.parametrize("what", DAMAGE)
def test_it_comes_back_and_is_told(made: L3Lab, blue: Tenant, what: str) -> None:
    blue.reaches(0, "203.0.113.1")
    blue.reaches(0, "10.0.0.2")
    names = {"router": blue.space, "served": "qdhcp-blue-a", "folder": str(made.agent._log.parent)}
    command, says = (text.format(**names) for text in DAMAGE[what])
    drift, told = made.cloud.reports[-1].drift, len(made.agent.log)
    made.host.sh(command)
    made.until(lambda: any("drift " in line and says in line for line in made.agent.log[told:].splitlines()), 5,
               f"the log names {says}")  # fmt: skip
    made.until(lambda: made.cloud.reports[-1].drift > drift, 5, "it is counted")
    for address in ("203.0.113.1", "10.0.1.10", "10.0.0.2"):
        blue.reaches(0, address)
    made.until(lambda: made.host.sh("ip netns pids qdhcp-blue-a || true").strip(), 5, "dnsmasq runs")
