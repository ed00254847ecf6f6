"""Frames that the other host's switch sends back through the tunnel, of each kind, over IPv4 and IPv6."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.real.testhost import DATAPATH, PATIENCE, TestHost, host, join, wait_until

from heddle.agent.tunnel import KINDS, TunnelPorts, tunnel_base_flows
from heddle.host.openflow import changes
from heddle.host.tunnel_echo import Asked, answered, ports

Two = tuple[TestHost, TestHost]


@pytest.fixture
def two() -> Iterator[Two]:
    with ExitStack() as stack:
        one, other = (stack.enter_context(host(name)) for name in ("host1", "host2"))
        join(one, other)
        for each in (one, other):
            each.sh(f"ovs-vsctl add-br br-tun -- set bridge br-tun datapath_type={DATAPATH} fail-mode=secure")
        yield one, other


def tunnels(each: TestHost, local: str, kinds: tuple[str, ...]) -> dict[str, int]:
    """As the agent makes them."""
    for kind in kinds:
        each.sh(f"ovs-vsctl add-port br-tun {kind}0 -- set interface {kind}0 type={kind} "
                f"options:key=flow options:remote_ip=flow options:local_ip={local}")  # fmt: skip
    found = ports(f"unix:{folder(each)}/db.sock", kinds)
    flows = "\n".join(changes({}, tunnel_base_flows(TunnelPorts(99, found))))
    each.run("ovs-ofctl", "-O", "OpenFlow15", "--bundle", "add-flows", "br-tun", "-", input=flows + "\n")
    return found


def folder(each: TestHost) -> Path:
    return Path(f"/proc/{each.pid}/root/run/openvswitch")


@pytest.mark.real
@pytest.mark.parametrize("version", [4, 6])
def test_frames_return_from_a_tunnel_that_works(two: Two, version: int) -> None:
    here, there = ("172.31.0.1", "172.31.0.2") if version == 4 else ("fd31:0::1", "fd31:0::2")
    kinds = KINDS if version == 4 else ("vxlan", "geneve")
    numbers = tunnels(two[0], here, kinds)
    assert numbers.keys() == set(kinds)
    tunnels(two[1], there, kinds)
    nobody = "172.31.0.77" if version == 4 else "fd31:0::77"
    wanted = [Asked(there, number, 1500) for number in numbers.values()]
    found = answered(folder(two[0]), [*wanted, Asked(nobody, numbers["vxlan"], 1500)], 0.3 * PATIENCE)
    assert found.keys() == set(wanted) and all(0 < seconds < 1 for seconds in found.values()), found
    assert "0e:4e:dd" in two[1].run("ovs-ofctl", "dump-flows", "br-tun")

    two[1].sh("ovs-ofctl del-flows br-tun 'dl_dst=0e:4e:dd:00:00:01'")
    silent = lambda: not answered(folder(two[0]), wanted, 0.2 * PATIENCE)  # noqa: E731
    wait_until(silent, 5, "the switch forgets what it knew of the flows")


@pytest.mark.real
def test_a_frame_that_is_too_large_for_the_way_does_not_return(two: Two) -> None:
    numbers = tunnels(two[0], "172.31.0.1", ("vxlan",))
    tunnels(two[1], "172.31.0.2", ("vxlan",))
    large, small = (Asked("172.31.0.2", numbers["vxlan"], mtu) for mtu in (1500, 1400))
    assert answered(folder(two[0]), [large, small], 0.3 * PATIENCE).keys() == {large, small}
    for each in two:
        each.sh("ip link set eth0 mtu 1500")
    assert answered(folder(two[0]), [large, small], 0.3 * PATIENCE).keys() == {small}
    two[1].sh("ip link set eth0 down")
    assert answered(folder(two[0]), [large, small], 0.3 * PATIENCE) == {}


@pytest.mark.real
def test_without_a_bridge_nothing_can_be_asked(two: Two) -> None:
    two[0].sh("ovs-vsctl del-br br-tun")
    assert ports(f"unix:{folder(two[0])}/db.sock", {"vxlan"}) == {}
    with pytest.raises(OSError, match="br-tun"):
        answered(folder(two[0]), [Asked("172.31.0.2", 1, 1500)], 0.1)
