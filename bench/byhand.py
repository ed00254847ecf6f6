"""Two guests on two hosts, joined by hand: what throughput through Heddle is compared with.

On the same Open vSwitch as Heddle's bridges, or on the kernel's bridge beside them: one bridge of its own on each host,
a guest made as Heddle's are, and a VXLAN tunnel of its own number.  The bridge of Open vSwitch has three flows, and
with `tracked` such that follow connections, as a filter with state needs at the least: one zone, and what began from
either side may go on.  In userspace the kernel is kept away from the guest's device as Heddle does.
"""

from __future__ import annotations

from tests.cluster.lab import DATA, Lab
from tests.real.bridgehost import BridgeHost
from tests.real.testhost import DATAPATH, TestHost

PLAIN = ("in_port=1,actions=output:2", "in_port=2,actions=output:1", "priority=0,actions=drop")
TRACKED = (
    "priority=20,arp,in_port=1,actions=output:2", "priority=20,arp,in_port=2,actions=output:1",
    "priority=10,ip,actions=ct(table=1,zone=7)", "priority=0,actions=drop",
    "table=1,priority=20,ct_state=+trk+new,ip,actions=ct(commit,zone=7),resubmit(,2)",
    "table=1,priority=10,ct_state=+trk+est,ip,actions=resubmit(,2)", "table=1,priority=0,actions=drop",
    "table=2,in_port=1,actions=output:2", "table=2,in_port=2,actions=output:1",
)  # fmt: skip


class ByHand:
    """`number` (1 to 9) makes names, addresses and the tunnel its own; `guests` are (host, name, address)."""

    def __init__(self, lab: Lab, number: int, mtu: int, tracked: bool = False) -> None:
        self.guests: list[tuple[TestHost, str, str]] = []
        for place, host in enumerate(lab.hosts[:2], 1):
            address = f"10.25{number}.0.{place}"
            name = f"hand{number}"
            macs = [f"02:00:00:00:0{number}:0{each}" for each in (place, 3 - place)]
            host.add_guest(name, macs[0], [f"{address}/24"], mtu)
            peer = f"{DATA}.{3 - place}"
            if isinstance(host, BridgeHost):
                _bridge(host, number, f"{DATA}.{place}", peer, macs[1])
            else:
                _switch(host, number, f"{DATA}.{place}", peer, TRACKED if tracked else PLAIN)
            self.guests.append((host, name, address))


def _switch(host: TestHost, number: int, local: str, peer: str, flows: tuple[str, ...]) -> None:
    guest, tunnel, bridge = f"p-hand{number}", f"vx-hand{number}", f"br-hand{number}"
    host.sh(f"""
        sysctl -qw net.ipv6.conf.{guest}.disable_ipv6=1
        hook='{{ type filter hook ingress device {guest} priority -500; policy drop; }}'
        [ {DATAPATH} != netdev ] || nft "add table netdev hand{number}; add chain netdev hand{number} c $hook"
        ovs-vsctl add-br {bridge} -- set bridge {bridge} datapath_type={DATAPATH} fail-mode=secure \
          -- add-port {bridge} {guest} -- set interface {guest} ofport_request=1 \
          -- add-port {bridge} {tunnel} -- set interface {tunnel} type=vxlan ofport_request=2 \
             options:local_ip={local} options:remote_ip={peer} options:key={7000 + number}
    """)
    host.run("ovs-ofctl", "--bundle", "add-flows", bridge, "-", input="\n".join(flows) + "\n")


def _bridge(host: TestHost, number: int, local: str, peer: str, mac: str) -> None:
    guest, tunnel, bridge = f"p-hand{number}", f"vx-hand{number}", f"br-hand{number}"
    host.sh(f"""
        ip link add {bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0
        ip link add {tunnel} type vxlan id {7000 + number} local {local} dstport 4789 nolearning udp6zerocsumrx
        for each in {guest} {tunnel}; do ip link set $each master {bridge} up; done
        ip link set {bridge} up
        bridge fdb append 00:00:00:00:00:00 dev {tunnel} dst {peer}
        bridge fdb replace {mac} dev {tunnel} dst {peer} self
    """)
