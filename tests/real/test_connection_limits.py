"""A network that has as many connections as it may gets no more; those of other networks, and its own, go on."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.cloud import FakeCloud
from tests.fakes.objects import OUT, allow, group, ip, network, port, port_id
from tests.real.conftest import Agent, Lab
from tests.real.sctp_frames import ACKNOWLEDGED, SCTP, Ports, arrived
from tests.real.testhost import TestHost, wait_until
from tests.real.traffic import TOOL, connects, eventually, listening, talking

LIMIT, FEW = 300, 6


@pytest.fixture(params=[LIMIT, 0])
def crowd(request: pytest.FixtureRequest, test_host: TestHost, cloud: FakeCloud, tmp_path: Path) -> Iterator[Lab]:
    """Guests 1 and 2 on net-a, 3 and 4 on net-b; each network may have so many connections, or with 0 any number."""
    setting = f"agent.connections_per_network={request.param}"
    agent = Agent(test_host, tmp_path / "bus.sock", tmp_path / "agent.log", setting)
    agent.start()
    wait_until(lambda: cloud.reports, 15, f"the agent reports: {agent.log}")
    lab = Lab(test_host, cloud, agent)
    cloud.put(network(), network("net-b"), group("open", *OUT, allow()))
    for number in (1, 2, 3, 4):
        cloud.port(port(number, ("open",), "net-a" if number < 3 else "net-b"))
        lab.plug(number)
    lab.wait_up(1, 2, 3, 4)
    yield lab
    agent.stop()


def tracked(lab: Lab, guest: int) -> int:
    """How many connections are tracked that a guest began."""
    dump = lab.host.run("ovs-appctl", "dpctl/dump-conntrack")
    return len(re.findall(rf"^udp,orig=\(src={re.escape(ip(guest))},", dump, re.MULTILINE))


def flood(lab: Lab, guest: int, target: int, count: int) -> None:
    command = [sys.executable, TOOL, "flood", ip(target), "20000", str(count)]
    lab.host.guest(f"g{guest}", *command, check=True)


def test_a_flood_of_connections_fills_the_table_of_its_own_network(
    crowd: Lab, request: pytest.FixtureRequest
) -> None:
    """The control is the same flood without a limit: then new connections are made on both networks."""
    limited = request.node.callspec.params["crowd"] == LIMIT
    with listening(crowd.host, "g2", 80), listening(crowd.host, "g4", 80):
        assert eventually(lambda: connects(crowd.host, "g1", ip(2), 80) and connects(crowd.host, "g3", ip(4), 80))
        with talking(crowd.host, ("g1", "g2"), ip(2), 90) as (established,):
            flood(crowd, 1, 2, 3 * LIMIT)
            if limited:
                assert LIMIT / 2 < tracked(crowd, 1) <= LIMIT
            else:
                assert tracked(crowd, 1) > 2 * LIMIT
            assert connects(crowd.host, "g1", ip(2), 80) != limited
            assert connects(crowd.host, "g3", ip(4), 80), "the other network has room"
            assert established.goes_on(), "what there is is not given up for what comes"


@pytest.mark.parametrize("crowd", [LIMIT], indirect=True)
def test_limits_are_back_after_a_restart_of_vswitchd(crowd: Lab) -> None:
    def limits() -> list[str]:
        said = crowd.host.run("ovs-appctl", "dpctl/ct-get-limits", check=False)
        return re.findall(r"zone=[1-9]\d*,limit=(\d+)", said)

    assert limits() == [str(LIMIT)] * 2
    crowd.host.sh("kill -9 $(cat /run/openvswitch/ovs-vswitchd.pid)")
    crowd.host.start_vswitchd()
    assert eventually(lambda: limits() == [str(LIMIT)] * 2, 15), crowd.agent.log[-2000:]


@pytest.mark.parametrize("crowd", [FEW, 0], indirect=True)
def test_a_network_that_has_its_share_of_sctp_begins_no_more_until_some_is_gone(
    crowd: Lab, request: pytest.FixtureRequest
) -> None:
    """What lets an answer in is that the guest's own association is known, so that tells whether one has begun."""
    crowd.cloud.put(group("open", *OUT, allow(protocol=SCTP, ports=(80, 80))), group("shut", *OUT))
    for number, net in ((1, "net-a"), (3, "net-b")):
        crowd.cloud.port(port(number, ("shut",), net))
    crowd.cloud.port(port(5, ("open",)))
    crowd.plug(5)
    crowd.wait_up(1, 3, 5)
    assert eventually(lambda: begins(crowd, 1, 2, (1000, 80)) == {(1000, 80)}, 10)
    share: list[Ports] = [(1000 + number, 80) for number in range(FEW)]
    more: list[Ports] = [(2000 + number, 80) for number in range(FEW)]
    assert begins(crowd, 1, 2, *share) == {*share}
    limited = bool(request.node.callspec.params["crowd"])
    for sink in (2, 5):
        assert begins(crowd, 1, sink, *more) == (set() if limited else {*more})
    assert begins(crowd, 3, 4, *more) == {*more}, "the other network has room"
    assert begins(crowd, 1, 2, *share) == {*share}, "what there is goes on"
    crowd.cloud.remove_port(port_id(2))
    assert eventually(lambda: begins(crowd, 1, 5, *more) == {*more}, 10), "what was with that guest is gone"


def begins(lab: Lab, source: int, sink: int, *ports: Ports) -> set[Ports]:
    """Which of these associations a guest begins with another and gets an answer in."""
    arrived(lab.host, source, sink, *ports)
    answers = [(there, here) for here, there in ports]
    return {(here, there) for there, here in arrived(lab.host, sink, source, *answers, kind=ACKNOWLEDGED)}
