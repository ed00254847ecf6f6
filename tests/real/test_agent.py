"""The agent's life: restarts, faults, repair, and objects that cannot be realised."""

from __future__ import annotations

import re
import signal
import time

from tests.fakes.objects import OUT, allow, default_group, group, ip, mac, network, port, port_id
from tests.real.conftest import Lab
from tests.real.testhost import DATAPATH, wait_until
from tests.real.traffic import Pinging

from heddle.view.types import NetworkView, PortView, Ref, Segment, host_scope


def three_guests(lab: Lab) -> None:
    lab.cloud.put(network(), default_group())
    for number in (1, 2, 3):
        lab.cloud.port(port(number))
        lab.plug(number)
    lab.wait_up(1, 2, 3)
    assert lab.host.pings("g1", ip(2))


def test_a_restart_adopts_and_loses_nothing(lab: Lab) -> None:
    """While the agent is away a port comes, one goes, and a flow is damaged."""
    three_guests(lab)
    before = lab.flows()
    pinging = Pinging(lab.host, "g1", ip(2), 3)
    started = time.monotonic()
    lab.agent.stop(seconds=1)
    assert time.monotonic() - started < 1
    assert lab.flows() == before
    lab.agent.start()
    wait_until(lambda: lab.agent.log.count(" adopted") == 2, 5, "the flows are adopted")
    assert "changed=0 adopted" in lab.agent.log
    lab.agent.stop()
    lab.cloud.remove_port(port_id(3))
    lab.cloud.port(port(4))
    lab.plug(4)
    lab.host.run("ovs-ofctl", "-O", "OpenFlow14", "del-flows", "br-int", "table=33")
    lab.agent.start()
    lab.wait_up(4)
    assert lab.host.pings("g4", ip(1))
    assert pinging.result() == (300, 0)
    assert not any(ip(3) in flow for flow in lab.flows())


def test_the_server_may_be_away_at_the_start(lab: Lab) -> None:
    three_guests(lab)
    before = lab.flows()
    lab.agent.stop()
    lab.cloud.down = True
    lab.agent.start()
    wait_until(lambda: "stays as it is" in lab.agent.log, 5, "the agent says that the server is away")
    assert lab.flows() == before
    assert lab.host.pings("g1", ip(2))
    lab.cloud.down = False
    lab.cloud.port(port(4))
    lab.plug(4)
    lab.wait_up(4)


def _flows_if_any(lab: Lab) -> list[str]:
    """The flows; none while vswitchd, just started, has not made its bridges yet."""
    try:
        return lab.flows()
    except RuntimeError as error:
        assert "failed to open socket" in str(error)
        return []


def test_vswitchd_killed_has_its_flows_back_at_once(lab: Lab) -> None:
    three_guests(lab)
    before = lab.flows()
    lab.host.kill("ovs-vswitchd")
    time.sleep(0.2)
    lab.host.start_vswitchd()
    wait_until(lambda: _strip(_flows_if_any(lab)) == _strip(before), 1.5, "the flows are back")
    assert lab.host.pings("g1", ip(2))
    assert "its flows are lost" in lab.agent.log


def test_a_port_stays_down_while_the_agent_or_vswitchd_is_stopped(lab: Lab) -> None:
    three_guests(lab)
    lab.agent.stop()
    lab.cloud.port(port(4))
    lab.plug(4)
    time.sleep(1)
    assert lab.cloud.state_of("port", port_id(4)) != "up"
    lab.agent.start()
    lab.wait_up(4)
    lab.host.sh("kill -STOP $(cat /run/openvswitch/ovs-vswitchd.pid)")
    try:
        lab.cloud.port(port(5))
        lab.host.add_guest("g5", mac(5), [f"{ip(5)}/16"])
        lab.host.run("ovs-vsctl", "--no-wait", "add-port", "br-int", "p-g5", "--", "set", "Interface", "p-g5",
                     f"external_ids:iface-id={port_id(5)}")  # fmt: skip
        time.sleep(1.5)
        assert lab.cloud.state_of("port", port_id(5)) != "up"
    finally:
        lab.host.sh("kill -CONT $(cat /run/openvswitch/ovs-vswitchd.pid)")
    lab.wait_up(5)
    assert lab.host.pings("g5", ip(1))


def _strip(flows: list[str]) -> list[str]:
    """Port numbers may change with a restart of vswitchd."""
    return sorted(re.sub(r"\b(reg5=0x|in_port=|output:|set_field:0x)[0-9a-f]+", r"\1_", flow) for flow in flows)


def test_damage_is_found_logged_and_repaired(lab: Lab) -> None:
    lab.agent.stop()
    lab.agent.settings.append("agent.audit_seconds=0.5")
    lab.agent.start()
    three_guests(lab)
    before = lab.flows()
    lab.host.run("ovs-ofctl", "-O", "OpenFlow14", "del-flows", "br-int", f"arp,dl_src={mac(1)}")
    wait_until(lambda: lab.flows() == before, 5, "a deleted flow is back")
    lab.host.run("ovs-ofctl", "-O", "OpenFlow14", "add-flow", "br-int", "table=0,priority=99,actions=NORMAL")
    wait_until(lambda: lab.flows() == before, 5, "a foreign flow is gone")
    lab.host.run("ovs-ofctl", "-O", "OpenFlow14", "mod-flows", "br-int", "table=30,actions=drop")
    wait_until(lambda: lab.flows() == before, 5, "changed flows are right again")
    if DATAPATH == "netdev":
        lab.host.run("nft", "delete", "table", "netdev", "heddle_ovs")
        wait_until(lambda: "p-g1" in lab.host.run("nft", "list", "ruleset"), 5, "the guard is back")
    drifts = [line for line in lab.agent.log.splitlines() if "drift" in line]
    assert any(f"id={port_id(1)}" in line and "found=[missing]" in line for line in drifts)
    assert any("NORMAL" in line for line in drifts)
    wait_until(lambda: lab.cloud.reports[-1].drift >= (6 if DATAPATH == "netdev" else 3), 5, "the drift is counted")
    assert lab.host.pings("g1", ip(2))


def test_a_deleted_bridge_is_made_again(lab: Lab) -> None:
    lab.agent.stop()
    lab.agent.settings.append("agent.audit_seconds=0.5")
    lab.agent.start()
    three_guests(lab)
    lab.host.run("ovs-vsctl", "del-br", "br-int")
    wait_until(lambda: lab.cloud.state_of("port", port_id(1)) == "down", 5, "the ports are down")
    wait_until(lambda: "br-int" in lab.host.run("ovs-vsctl", "list-br"), 5, "the bridge is there")
    for number in (1, 2):
        lab.host.run("ovs-vsctl", "--may-exist", "add-port", "br-int", f"p-g{number}", "--", "set", "Interface",
                     f"p-g{number}", f"external_ids:iface-id={port_id(number)}")
    lab.wait_up(1, 2)
    wait_until(lambda: lab.host.pings("g1", ip(2)), 5, "the guests reach each other")


def test_one_broken_object_leaves_the_others_converging(lab: Lab) -> None:
    bad = group("bad", *OUT, allow(cidr="not-a-cidr"), allow(protocol=33, ports=(1, 2)))
    lab.cloud.put(network(), default_group(), bad)
    lab.cloud.put_raw(host_scope("host1"), Ref("port", "torn"), b"\x83\xa4kind\xa4port\xa2id\xa4torn\xa5extra\x01")
    lab.cloud.put_raw(host_scope("host1"), Ref("port", "garbage"), b"\x00")
    broken: list[PortView] = [
        port(7, mac_address="no-mac"), port(8, net="no-such-network"), port(9, ("bad",)),
    ]
    for view in broken:
        lab.cloud.port(view)
        lab.plug(int(view.id[:8], 16))
    lab.cloud.put(NetworkView(id="net-x", mtu=1500, segments=[Segment("vlan", "nowhere", 5)]))
    three_guests(lab)
    wait_until(lambda: lab.cloud.state_of("port", port_id(7)) == "error", 5, "the port with a wrong MAC says so")
    wait_until(lambda: lab.cloud.state_of("port", port_id(8)) == "error", 5, "the port without a network says so")
    wait_until(lambda: lab.cloud.state_of("group", "bad") == "error", 5, "the group says so")
    assert "no-mac" in lab.cloud.statuses[Ref("port", port_id(7))].message
    lab.cloud.port(port(7))
    lab.wait_up(7, 9)


def test_what_ovs_refuses_is_found_among_what_it_takes(lab: Lab) -> None:
    """A bundle is refused as a whole: then each object is tried for itself."""
    lab.cloud.put(network(), default_group(), network("net-y", Segment("local")))
    lab.cloud.put(group("strange", *OUT, allow(protocol=999)))
    lab.cloud.port(port(4, ("strange",)))
    lab.plug(4)
    three_guests(lab)
    wait_until(lambda: lab.cloud.state_of("group", "strange") == "error", 5, "the group says so")
    assert "one by one" in lab.agent.log


def test_admin_down_and_unplugged_are_down(lab: Lab) -> None:
    three_guests(lab)
    lab.cloud.port(port(2, admin_state_up=False))
    wait_until(lambda: lab.cloud.state_of("port", port_id(2)) == "down", 5, "the port is down")
    assert not lab.host.pings("g1", ip(2), wait=0.3)
    lab.cloud.port(port(2))
    lab.wait_up(2)
    assert lab.host.pings("g1", ip(2))
    lab.host.unplug("g2")
    wait_until(lambda: lab.cloud.state_of("port", port_id(2)) == "down", 5, "the unplugged port is down")
    assert not any(port_id(2) in line for line in lab.agent.log.splitlines() if "ERROR" in line)


def test_a_network_keeps_its_tag_over_a_restart(lab: Lab) -> None:
    lab.cloud.put(network("net-a"), network("net-b"), default_group())
    for number, net in ((1, "net-b"), (2, "net-a"), (3, "net-a")):
        lab.cloud.port(port(number, net=net))
        lab.plug(number)
        lab.wait_up(number)
    tags = lab.host.run("ovs-vsctl", "get", "port", "p-g1", "tag", "external_ids:heddle-network")
    assert tags.split()[1].strip('"') == "net-b"
    lab.agent.stop(signal.SIGKILL)
    lab.agent.start()
    wait_until(lambda: lab.agent.log.count(" adopted") >= 2, 5, "adopted again")
    assert lab.host.run("ovs-vsctl", "get", "port", "p-g1", "tag", "external_ids:heddle-network") == tags
    assert "changed=0 adopted" in lab.agent.log


def test_a_bridge_that_is_not_ours_stops_the_start(lab: Lab) -> None:
    lab.agent.stop()
    lab.host.run("ovs-vsctl", "--no-wait", "add-br", "br-ex")
    lab.agent.start()
    assert lab.agent.process is not None
    assert lab.agent.process.wait(timeout=10) != 0
    assert "br-ex exists and was not made by Heddle" in lab.agent.log
