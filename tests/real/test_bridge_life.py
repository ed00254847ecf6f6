"""The life of an agent with Linux bridges: restarts, faults, repair, and what it leaves alone."""

from __future__ import annotations

import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.objects import OUT, allow, default_group, group, ip, mac, network, port, port_id
from tests.real.bridgehost import BridgeLab, bridge_lab, device
from tests.real.testhost import wait_until
from tests.real.traffic import Pinging, arp, catching, connects, eventually, listening, send, udp

from heddle.view.types import FixedIp, HostView, LocalIpView, NeighbourView, NetworkView, Ref, Segment

NONCE = "6865646c652d6e6f6e6365"
VXLAN = network("net-a", Segment("vxlan", "", 77))
LOCAL = network("net-b")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[BridgeLab]:
    settings = ("agent.tunnel_ip=127.0.0.1", "agent.physical_interface_mappings=physnet1:eth1,physnet2:eth2")
    with bridge_lab(tmp_path, *settings) as made:
        yield made


def guests(lab: BridgeLab, *numbers: int, groups: tuple[str, ...] = ("default",)) -> None:
    lab.cloud.put(VXLAN, LOCAL, default_group(), HostView(id="host2", tunnel_ip="192.0.2.2"))
    for number in numbers:
        lab.cloud.port(port(number, groups))
        lab.plug(number)
    lab.wait_up(*numbers)


def audited(lab: BridgeLab) -> None:
    lab.agent.stop()
    lab.agent.settings.append("agent.audit_seconds=0.3")
    lab.agent.start()


def picture(lab: BridgeLab) -> str:
    """What is on the host, read by an independent dump; without what bridges learned."""
    return lab.host.sh("bridge link; bridge fdb | grep -E ' static| dst ' | sort; ip neigh | sort; ip -o link | "
                       "sed 's/ link.netnsid.*//'; nft -s list ruleset")  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_adopts_and_loses_nothing(lab: BridgeLab, number: int) -> None:
    """While the agent is away a port comes and another goes."""
    guests(lab, 1, 2, 3)
    before = picture(lab)
    pinging = Pinging(lab.host, "g1", ip(2), 3)
    lab.agent.stop(number)
    assert same(picture(lab), before)
    lab.agent.start()
    fetches = len(lab.cloud.fetches)
    wait_until(lambda: len(lab.cloud.fetches) > fetches + 1, 5, "the agent has its view")
    assert same(picture(lab), before)
    lab.agent.stop(number)
    lab.cloud.remove_port(port_id(3))
    lab.cloud.port(port(4))
    lab.plug(4)
    lab.agent.start()
    lab.wait_up(4)
    assert lab.host.pings("g4", ip(1))
    assert pinging.result() == (300, 0)
    assert f"{ip(3)} " not in lab.rules() and device(3) not in lab.host.run("bridge", "link")


def test_a_rule_that_goes_ends_what_it_allowed(lab: BridgeLab) -> None:
    """Both ways, at once; what another rule allows goes on."""
    lab.cloud.put(VXLAN, LOCAL, group("closed", *OUT), group("open", *OUT, allow(protocol=17), allow(protocol=1)))
    lab.cloud.port(port(1, ("closed",)))
    lab.cloud.port(port(2, ("open",)))
    lab.plug(1)
    lab.plug(2)
    lab.wait_up(1, 2)

    def heard() -> tuple[bool, bool]:
        """Guest 1 asks and guest 2 answers; both also tell that nobody listens, and what was said to them."""
        with catching(lab.host, ["g1", "g2"], NONCE, 0.3) as caught:
            send(lab.host, "g1", udp(mac(1), mac(2), ip(1), ip(2), NONCE, (4000, 53)))
            send(lab.host, "g2", udp(mac(2), mac(1), ip(2), ip(1), NONCE, (53, 4000)))
        return bool(caught["g1"]), bool(caught["g2"])

    assert eventually(lambda: heard() == (True, True))
    pinging = Pinging(lab.host, "g1", ip(2), 2)
    lab.cloud.put(group("open", *OUT, allow(protocol=1)))
    assert eventually(lambda: heard() == (False, False))
    lab.cloud.put(group("open", *OUT, allow(protocol=17), allow(protocol=1)))
    assert eventually(lambda: heard() == (True, True))
    assert pinging.result() == (200, 0)


def test_a_new_owner_of_an_address_inherits_no_connection(lab: BridgeLab) -> None:
    """Guest 2 began a connection with guest 1; then another port gets its address, and the answers."""
    lab.cloud.put(VXLAN, LOCAL, group("open", *OUT, allow()), group("closed", *OUT))
    lab.cloud.port(port(1, ("open",)))
    lab.cloud.port(port(2, ("open",)))
    lab.plug(1)
    lab.plug(2)
    lab.wait_up(1, 2)
    answer = udp(mac(1), mac(2), ip(1), ip(2), NONCE, (53, 4000))
    send(lab.host, "g2", udp(mac(2), mac(1), ip(2), ip(1), NONCE, (4000, 53)))
    with catching(lab.host, ["g2"], NONCE) as caught:
        send(lab.host, "g1", answer)
    assert len(caught["g2"]) == 1
    lab.cloud.remove_port(port_id(2))
    lab.cloud.port(port(3, ("closed",), fixed_ips=[FixedIp("s", ip(2))]))
    lab.plug(3, f"{ip(2)}/16")
    lab.wait_up(3)
    with catching(lab.host, ["g3"], NONCE) as caught:
        send(lab.host, "g1", udp(mac(1), mac(3), ip(1), ip(2), NONCE, (53, 4000)))
    assert not caught["g3"]


def test_a_guest_more_or_fewer_moves_no_entry(lab: BridgeLab) -> None:
    """The bridge keeps its own MAC address, whichever its ports have: with another one its neighbours would go."""
    guests(lab, 1)
    lab.cloud.put(NeighbourView(id=port_id(9), network_id="net-a", mac_address=mac(9), host="host2",
                                fixed_ips=[FixedIp("s", ip(9))]))  # fmt: skip
    assert eventually(lambda: mac(9) in lab.host.run("ip", "neigh"))
    before = picture_of_entries(lab)
    lab.host.sh(f"ip link set {device(1)} address 02:00:00:00:00:01")
    lab.cloud.port(port(2))
    lab.plug(2)
    lab.host.sh(f"ip link set {device(2)} address 00:00:00:00:00:01")
    lab.wait_up(2)
    assert eventually(lambda: lab.host.pings("g1", ip(2)))
    lab.cloud.remove_port(port_id(2))
    assert eventually(lambda: "master" not in lab.host.run("ip", "-o", "link", "show", device(2)))
    assert picture_of_entries(lab) == before


def picture_of_entries(lab: BridgeLab) -> list[str]:
    """The bridge's MAC address, and its permanent neighbours."""
    kept = [line for line in lab.host.run("ip", "neigh").splitlines() if line.endswith("PERMANENT")]
    return [lab.host.run("cat", "/sys/class/net/brqnet-a/address"), *sorted(kept)]


def test_damage_is_found_logged_and_repaired(lab: BridgeLab) -> None:
    audited(lab)
    guests(lab, 1, 2)
    lab.cloud.put(NeighbourView(id=port_id(9), network_id="net-a", mac_address=mac(9), host="host2",
                                fixed_ips=[FixedIp("s", ip(9))]))  # fmt: skip
    assert eventually(lambda: "192.0.2.2" in lab.host.run("bridge", "fdb"))
    for damage in (
        f"ip link set {device(1)} nomaster", "nft delete table inet heddle_ports",
        "nft flush chain bridge heddle_ports guest_ip", f"bridge fdb del {mac(9)} dev vxlan-77 dst 192.0.2.2 self",
        "ip link del vxlan-77", f"ip neigh del {ip(9)} dev brqnet-a", f"ip link set {device(2)} down",
    ):
        before, drift = picture(lab), lab.cloud.reports[-1].drift
        lab.host.sh(damage)
        assert eventually(lambda before=before: same(picture(lab), before), 5), f"{damage}: {lab.agent.log[-2000:]}"
        wait_until(lambda drift=drift: lab.cloud.reports[-1].drift > drift, 5, f"it is counted: {damage}")
        assert eventually(lambda: lab.host.pings("g1", ip(2)))
    found = [line for line in lab.agent.log.splitlines() if "drift" in line]
    assert any(f"id={port_id(1)}" in line for line in found) and any("heddle_ports" in line for line in found)


def same(one: str, other: str) -> bool:
    """But for the order, and for what is particular to devices that were made anew."""
    return _words(one) == _words(other)


def _words(text: str) -> list[str]:
    return sorted(re.sub(r"(?m)^\d+: |link/ether \S+|state [A-Z]+|,", " ", text).split())


def test_what_is_not_ours_is_left_alone(lab: BridgeLab) -> None:
    """Another bridge with devices of names like ours, and a stranger on a bridge of ours, which gets nothing."""
    lab.host.sh(f"""
        ip link add br-other type bridge; ip link set br-other up
        for n in 7 8; do
            ip netns add o$n; ip link add tap0000000$n-99 type veth peer name eth0 netns o$n
            ip link set tap0000000$n-99 up master br-other; ip -n o$n addr add 10.77.0.$n/24 dev eth0
            ip -n o$n link set eth0 up
        done
        ip link add brqnet-c type bridge
        ip link set brqnet-c up
        nft add table bridge mine
        ip netns add g5; ip link add stranger type veth peer name eth0 netns g5; ip link set stranger up
        ip -n g5 addr add {ip(5)}/16 dev eth0; ip -n g5 link set eth0 up
    """)
    lab.cloud.put(group("open", *OUT, allow(), allow(ethertype=6)))
    guests(lab, 1, 2, groups=("open",))
    lab.host.sh("ip link set stranger master brqnet-a")
    assert lab.host.pings("o7", "10.77.0.8", count=3)
    assert eventually(lambda: "stranger" in lab.rules())
    assert lab.host.pings("g1", ip(2))
    assert not lab.host.pings("g5", ip(1), wait=0.5) and not lab.host.pings("g1", ip(5), wait=0.5)
    lab.cloud.put(network("net-c"))
    lab.cloud.port(port(6, ("open",), "net-c"))
    lab.plug(6)
    assert eventually(lambda: lab.cloud.state_of("port", port_id(6)) == "error")
    assert "ip link del brqnet-c" in lab.cloud.statuses[Ref("port", port_id(6))].message
    for number in (1, 2, 6):
        lab.cloud.remove_port(port_id(number))
    assert eventually(lambda: "brqnet-a" not in lab.host.run("ip", "link"))
    left = lab.host.run("ip", "-o", "link")
    assert all(name in left for name in ("br-other", "tap00000007-99", "brqnet-c", "stranger"))
    assert lab.host.pings("o7", "10.77.0.8") and "table bridge mine" in lab.rules()


def test_networks_that_this_host_cannot_carry_say_why(lab: BridgeLab) -> None:
    """Each on itself; a network beside them works, and one whose fault is mended too."""
    lab.host.sh("ip link add eth1 type veth peer name far1; ip link set eth1 up; ip addr add 192.0.2.77/24 dev eth1")
    segments = {
        "net-far": Segment("flat", "elsewhere"),
        "net-vlan": Segment("vlan", "physnet1", 5), "net-held": Segment("flat", "physnet1"),
        "net-card": Segment("flat", "physnet2"),
    }  # fmt: skip
    guests(lab, 1, 2)
    for number, (name, segment) in enumerate(segments.items(), 10):
        lab.cloud.put(NetworkView(id=name, mtu=1450, segments=[segment]))
        lab.cloud.port(port(number, net=name))
        lab.plug(number)

    def message(name: str) -> str:
        status = lab.cloud.statuses.get(Ref("network", name))
        return status.message if status and status.state == "error" else ""

    said = {
        "net-far": "agent.physical_interface_mappings", "net-vlan": "8021q",
        "net-held": "192.0.2.77", "net-card": "no network card eth2",
    }  # fmt: skip
    tried = lab.host.sh("ip link add link lo name v5 type vlan id 5 2>&1; ip link del v5", check=False)
    has_vlans = "Unknown device type" not in tried
    for name, words in said.items():
        if name != "net-vlan" or not has_vlans:
            assert eventually(lambda name=name, words=words: words in message(name)), (name, message(name))
    assert lab.host.pings("g1", ip(2))
    lab.cloud.put(LocalIpView(id="led", network_id="net-far", port_id=port_id(1), local_ip=ip(9), fixed_ip=ip(1)))
    assert eventually(lambda: lab.cloud.state_of("local_ip", "led") == "error")
    assert "associate a port of its own network" in lab.cloud.statuses[Ref("local_ip", "led")].message
    lab.host.sh("ip addr flush dev eth1")
    assert eventually(lambda: lab.cloud.state_of("network", "net-held") == "up", 10)
    lab.cloud.put(NetworkView(id="net-held", mtu=9000, segments=[segments["net-held"]]))
    assert eventually(lambda: "the MTU of the network card eth1 is 1500" in message("net-held"))
    lab.host.sh("ip link set eth1 mtu 9000")
    assert eventually(lambda: lab.cloud.state_of("network", "net-held") == "up", 10)


def test_ports_in_tunnels_that_bridges_do_not_join_are_refused(lab: BridgeLab) -> None:
    """They have no bridge and do not meet on the host either; on a network that is carried the same guests do."""
    carried = network("net-c")
    lab.cloud.put(NetworkView(id="net-c", mtu=1450, segments=[Segment("geneve", "", 5)]))
    for number in (1, 2, 3):
        lab.cloud.port(port(number, ("default",), "net-c"))
    guests(lab, 4, 5)
    lab.plug(1)
    lab.plug(2)
    for number in (1, 2, 3):
        assert eventually(lambda number=number: lab.cloud.state_of("port", port_id(number)) == "error"), number
        assert "carry no geneve" in lab.cloud.statuses[Ref("port", port_id(number))].message
    assert lab.host.pings("g4", ip(5)) and not lab.host.pings("g1", ip(2), wait=0.5)
    assert "brqnet-c" not in lab.host.run("ip", "link")
    lab.cloud.put(carried)
    assert eventually(lambda: lab.cloud.state_of("port", port_id(2)) == "up")
    assert eventually(lambda: lab.host.pings("g1", ip(2)), 10) and lab.cloud.state_of("port", port_id(3)) == "down"
    lab.cloud.put(NetworkView(id="net-c", mtu=1450, segments=[Segment("geneve", "", 5)]))
    assert eventually(lambda: lab.cloud.state_of("port", port_id(2)) == "error")
    assert eventually(lambda: "brqnet-c" not in lab.host.run("ip", "link"))
    assert lab.host.pings("g4", ip(5)) and not lab.host.pings("g1", ip(2), wait=0.5)


def test_questions_for_known_addresses_do_not_travel(lab: BridgeLab) -> None:
    """The bridge answers for a port elsewhere; a question for nobody goes to the tunnel, the control."""
    guests(lab, 1, 2)
    lab.cloud.put(NeighbourView(id=port_id(9), network_id="net-a", mac_address=mac(9), host="host2",
                                fixed_ips=[FixedIp("s", ip(9)), FixedIp("s", "2001:db8::9")]))  # fmt: skip
    assert eventually(lambda: ip(9) in lab.host.run("ip", "neigh"))
    lab.host.sh("nft 'add table netdev seen; add chain netdev seen c "
                "{ type filter hook egress device vxlan-77 priority 0; }; "
                "add rule netdev seen c arp daddr ip { 10.0.0.9, 10.0.4.210 } counter'")  # fmt: skip

    def travelled() -> int:
        text = lab.host.run("nft", "list", "table", "netdev", "seen")
        return int(text.partition("packets ")[2].split()[0])

    nonce = "0a000009"
    with catching(lab.host, ["g1"], nonce) as caught:
        send(lab.host, "g1", arp(mac(1), ip(1), ip(9)))
    assert any(mac(9).replace(":", "") in frame for frame in caught["g1"]), "the bridge answers"
    assert travelled() == 0
    send(lab.host, "g1", arp(mac(1), ip(1), "10.0.4.210"))
    assert eventually(lambda: travelled() == 1)


def test_a_host_that_has_turned_ipv6_off_carries_it_for_guests(lab: BridgeLab) -> None:
    """Its bridges know neighbours of IPv6 and have no address; one that is refused is told on its network."""
    lab.host.sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1")
    guests(lab, 1, 2)
    away = [FixedIp("s", ip(9)), FixedIp("s", "2001:db8::9")]
    far = NeighbourView(id=port_id(9), network_id="net-a", mac_address=mac(9), host="host2", fixed_ips=away)
    lab.cloud.put(far)
    assert eventually(lambda: "2001:db8::9" in lab.host.run("ip", "-6", "neigh"))
    assert not lab.host.run("ip", "-6", "addr", "show", "dev", "brqnet-a")
    lab.host.sh("sysctl -qw net.ipv6.conf.brqnet-a.disable_ipv6=1")
    lab.cloud.put(NeighbourView(id=port_id(8), network_id="net-a", mac_address=mac(8), host="host2",
                                fixed_ips=[FixedIp("s", "2001:db8::8"), FixedIp("s", ip(8))]))  # fmt: skip
    assert eventually(lambda: lab.cloud.state_of("network", "net-a") == "error")
    assert ip(8) in lab.host.run("ip", "neigh") and lab.cloud.state_of("port", port_id(1)) == "up"
    lab.host.sh("sysctl -qw net.ipv6.conf.brqnet-a.disable_ipv6=0")
    assert eventually(lambda: lab.cloud.state_of("network", "net-a") == "up", 10)


def test_a_port_more_changes_little(lab: BridgeLab) -> None:
    """A member more in a remote group is one element of one set."""
    guests(lab, 1, 2)
    watch = lab.host.popen("timeout", "3", "nft", "monitor", stdout=-1, text=True)
    time.sleep(1)
    lab.cloud.put(*lab.cloud.port_objects(port(40), "host2"))
    assert eventually(lambda: f"{ip(40)}" in lab.rules())
    changes = [line for line in watch.communicate()[0].splitlines() if not line.startswith("#")]
    assert len(changes) == 1 and ip(40) in changes[0], changes


def test_admin_down_and_unplugged_are_down(lab: BridgeLab) -> None:
    guests(lab, 1, 2)
    lab.cloud.port(port(1, admin_state_up=False))
    assert eventually(lambda: lab.cloud.state_of("port", port_id(1)) == "down")
    assert not lab.host.pings("g2", ip(1), wait=0.5)
    lab.cloud.port(port(1))
    lab.wait_up(1)
    assert lab.host.pings("g2", ip(1))
    lab.host.sh(f"ip link del {device(1)}")
    assert eventually(lambda: lab.cloud.state_of("port", port_id(1)) == "down")


def test_the_host_itself_is_not_reached(lab: BridgeLab) -> None:
    """A frame to the bridge's own address, or for everybody, meets nothing of the host; a guest beside it answers."""
    lab.host.sh("ip addr add 198.51.100.1/32 dev lo")
    guests(lab, 1, 2)
    bridge = lab.host.run("cat", "/sys/class/net/brqnet-a/address").strip()
    lab.host.guest("g1", "ip", "route", "add", "198.51.100.1/32", "dev", "eth0", check=True)
    lab.host.guest("g1", "ip", "neigh", "add", "198.51.100.1", "lladdr", bridge, "dev", "eth0", check=True)
    assert lab.host.pings("g1", ip(2))
    assert not lab.host.pings("g1", "198.51.100.1", wait=0.5)
    with listening(lab.host, "g2", 80):
        assert not connects(lab.host, "g1", "198.51.100.1", 22)


def test_down_removes_what_is_ours(lab: BridgeLab, tmp_path: Path) -> None:
    lab.host.sh("ip link add br-other type bridge; nft add table bridge mine; ip link add brqmine type bridge")
    look = "ip -o link | cut -d: -f2 | grep -v '^ tap'; nft list tables"
    before = "".join(line for line in lab.host.sh(look).splitlines(True) if "heddle" not in line)
    guests(lab, 1, 2)
    assert lab.host.sh(look) != before
    lab.agent.stop()
    words = ["--set", "server.user=", "--set", "agent.data_plane=linuxbridge"]
    for name in ("state", "run", "log"):
        words += ["--set", f"paths.{name}={tmp_path}/{name}"]
    said = lab.host.run(sys.executable, "-m", "heddle.cli.main", *words, "down", "--yes")
    assert "brqnet-a" in said and "vxlan-77" in said
    assert lab.host.sh(look) == before
