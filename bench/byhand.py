"""Two guests on two hosts, joined by hand: what throughput through Heddle is compared with.

On each host a bridge of its own, a guest made as Heddle's are, and a VXLAN tunnel of its own number.  Open vSwitch is
that of Heddle's hosts; the bridge has three flows.  In userspace the kernel is kept away from the guest's device as
Heddle does.  A bridge of the kernel is on hosts of its own, without any filter: its frames would be shown to those of
Heddle's.  With `tracked` both follow connections, as a filter with state needs at the least: one zone, and what began
from either side may go on.
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
RULES = """
table inet hand {
    chain zone { type filter hook prerouting priority raw; iifname "br-hand*" ct zone set 7; }
    chain rules { type filter hook forward priority filter; policy drop; ct state established,new accept; }
}
"""


class ByHand:
    """`number` (1 to 9) makes names, addresses and the tunnel its own; `guests` are (host, name, address)."""

    def __init__(self, lab: Lab, number: int, mtu: int, tracked: bool = False) -> None:
        self.guests: list[tuple[TestHost, str, str]] = []
        ours = not isinstance(lab.hosts[0], BridgeHost)
        places = (1, 2) if ours else (100 + 2 * number, 101 + 2 * number)
        for place, peer in (places, places[::-1]):
            host = lab.hosts[place - 1] if ours else lab.other(place)
            address, mac, other = f"10.25{number}.0.{place}", _mac(number, place), _mac(number, peer)
            host.add_guest(f"hand{number}", mac, [f"{address}/24"], mtu)
            ends = (f"{DATA}.{place}", f"{DATA}.{peer}")
            if ours:
                _switch(host, number, ends, TRACKED if tracked else PLAIN)
            else:
                _bridge(host, number, ends, other, tracked)
            self.guests.append((host, f"hand{number}", address))


def _mac(number: int, place: int) -> str:
    return f"02:00:00:00:{number:02x}:{place:02x}"


def _switch(host: TestHost, number: int, ends: tuple[str, str], flows: tuple[str, ...]) -> None:
    guest, tunnel, bridge = f"p-hand{number}", f"vx-hand{number}", f"br-hand{number}"
    host.sh(f"""
        sysctl -qw net.ipv6.conf.{guest}.disable_ipv6=1
        hook='{{ type filter hook ingress device {guest} priority -500; policy drop; }}'
        [ {DATAPATH} != netdev ] || nft "add table netdev hand{number}; add chain netdev hand{number} c $hook"
        ovs-vsctl add-br {bridge} -- set bridge {bridge} datapath_type={DATAPATH} fail-mode=secure \
          -- add-port {bridge} {guest} -- set interface {guest} ofport_request=1 \
          -- add-port {bridge} {tunnel} -- set interface {tunnel} type=vxlan ofport_request=2 \
             options:local_ip={ends[0]} options:remote_ip={ends[1]} options:key={7000 + number}
    """)
    host.run("ovs-ofctl", "--bundle", "add-flows", bridge, "-", input="\n".join(flows) + "\n")


def _bridge(host: TestHost, number: int, ends: tuple[str, str], mac: str, tracked: bool) -> None:
    guest, tunnel, bridge = f"p-hand{number}", f"vx-hand{number}", f"br-hand{number}"
    host.sh(f"""
        sysctl -qw net.bridge.bridge-nf-call-iptables={int(tracked)} net.bridge.bridge-nf-call-ip6tables={int(tracked)}
        ip link add {bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0
        ip link add {tunnel} type vxlan id {7000 + number} local {ends[0]} dstport 4789 nolearning
        for each in {guest} {tunnel}; do ip link set $each master {bridge} up; done
        ip link set {bridge} up
        bridge fdb append 00:00:00:00:00:00 dev {tunnel} dst {ends[1]}
        bridge fdb replace {mac} dev {tunnel} dst {ends[1]} self
    """)
    if tracked:
        host.run("nft", "-f", "-", input=RULES)
