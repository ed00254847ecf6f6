"""QoS policies on a host: what a guest sends and receives is limited and marked, as the policy says at the moment.

The control of each limit is the same traffic where there is none.  Bands are wide: the tool that measures exactly is
in the bench.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from tests.fakes.objects import OUT, allow, group, ip, mac, network, policy, port, port_id
from tests.real.bridgehost import BridgeLab
from tests.real.conftest import Lab
from tests.real.planes import PLANES, plane_lab
from tests.real.rates import comes, pouring
from tests.real.testhost import wait_until
from tests.real.traffic import Pinging, catching, eventually, send, udp

from heddle.agent.addresses import link_local
from heddle.view.types import AuditView

OPENED = group("open", *OUT, allow(), allow(ethertype=6))
FAST = 20_000  # what pours has about 40,000 kbit/s in frames of 1242 bytes


@pytest.fixture(scope="module", params=PLANES)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Guests 1, 2 and 3 on one network."""
    with plane_lab(request.param, tmp_path_factory.mktemp(request.param)) as lab:
        lab.cloud.put(OPENED)
        without_policies(lab)
        for number in (1, 2, 3):
            lab.plug(number)
        lab.wait_up(1, 2, 3)
        assert all(lab.host.pings("g1", ip(number)) for number in (2, 3))
        yield lab


def without_policies(lab: Lab) -> None:
    lab.cloud.put(network())
    for number in (1, 2, 3):
        lab.cloud.port(port(number, ("open",)))


@pytest.fixture
def lab(made: Lab) -> Iterator[Lab]:
    """Nobody has a policy, and nothing is limited."""
    yield made
    without_policies(made)
    assert eventually(lambda: not left(made)), left(made) + made.agent.log[-2000:]


def test_limits_of_both_directions_follow_the_policy(lab: Lab) -> None:
    with pouring(lab.host, "g1", ip(2)):
        comes(lab.host, "g2", FAST, 60_000)
        lab.cloud.put(policy("gold", ("egress", "kbps", 5_000, 600), ("ingress", "kbps", 4_000, 400)))
        lab.cloud.port(port(1, ("open",), qos_policy="gold"))
        comes(lab.host, "g2", 4_250, 5_750)
        lab.cloud.put(policy("gold", ("egress", "kbps", 10_000, 600), ("ingress", "kbps", 4_000, 400)))
        comes(lab.host, "g2", 8_500, 11_500)
    pinging = Pinging(lab.host, "g3", ip(1), 1)
    for kbps in (5_000, 6_000, 4_000):
        lab.cloud.put(policy("gold", ("egress", "kbps", 2 * kbps, 800), ("ingress", "kbps", kbps, 400)))
        time.sleep(0.2)
    assert pinging.result() == (100, 0), "who changes a limit loses nothing that is within it"
    with pouring(lab.host, "g2", ip(1)), pouring(lab.host, "g2", ip(3)):
        comes(lab.host, "g1", 3_400, 4_600)
        comes(lab.host, "g3", FAST, 60_000)
        lab.cloud.put(policy("gold"))
        comes(lab.host, "g1", FAST, 60_000)


def test_packets_are_limited_by_the_ports_own_policy_else_that_of_its_network(lab: Lab) -> None:
    """Also those for everybody; the others that get the same frames are not."""
    lab.cloud.put(network(qos_policy="slow"), policy("slow", ("ingress", "kpps", 1, 0), ("ingress", "kbps", 50_000, 0)))
    lab.cloud.put(policy("free", ("ingress", "kbps", 0, 0)))
    everybody = ["ip", "neigh", "replace", "10.0.99.99", "lladdr", "ff:ff:ff:ff:ff:ff", "dev", "eth0"]
    lab.host.guest("g1", *everybody, check=True)
    with pouring(lab.host, "g1", "10.0.99.99", 200):
        comes(lab.host, "g2", 850, 1_150, "frames")
        lab.cloud.port(port(3, ("open",), qos_policy="free"))
        comes(lab.host, "g3", 1_500, 4_600, "frames")
        comes(lab.host, "g2", 850, 1_150, "frames")


def tos_of(lab: Lab, nonce: str) -> set[int]:
    """The type-of-service octets with which guest 2 gets what guest 1 sends."""
    with catching(lab.host, ["g2"], nonce, 0.25) as caught:
        send(lab.host, "g1", udp(mac(1), mac(2), ip(1), ip(2), nonce))
    return {int(frame[30:32], 16) for frame in caught["g2"]}


def classes_of(lab: Lab, nonce: str) -> set[int]:
    """The traffic classes with which guest 2 gets what guest 1 sends over IPv6."""
    with catching(lab.host, ["g2"], nonce, 0.4) as caught:
        lab.host.guest("g1", "ping", "-6", "-c1", "-W1", "-p", nonce, f"{link_local(mac(2))}%eth0")
    return {int(frame[29:31], 16) for frame in caught["g2"]}


def test_what_a_guest_sends_is_marked(lab: Lab) -> None:
    assert tos_of(lab, "aa" * 8) == {0}
    lab.cloud.put(policy("marked", dscp=26))
    lab.cloud.port(port(1, ("open",), qos_policy="marked"))
    wait_until(lambda: tos_of(lab, "bb" * 8) == {26 << 2}, 10, "frames bear the code point")
    assert lab.host.pings("g1", ip(2)) and lab.host.pings("g2", ip(1))
    assert classes_of(lab, "ab" * 8) == {26 << 2}
    lab.cloud.put(policy("marked", ("egress", "kbps", 5_000, 0), ("egress", "kpps", 5, 0), dscp=46))
    wait_until(lambda: tos_of(lab, "cc" * 8) == {46 << 2}, 10, "frames bear the other code point")
    with pouring(lab.host, "g1", ip(2)):
        comes(lab.host, "g2", 4_250, 5_750)
    lab.cloud.put(policy("marked"))
    wait_until(lambda: tos_of(lab, "dd" * 8) == {0}, 10, "frames bear none")


def left(lab: Lab) -> str:
    """What limits there are on the host."""
    meters = lab.host.run("ovs-ofctl", "-O", "OpenFlow15", "dump-meters", "br-int", check=False)
    table = lab.host.run("nft", "list", "table", "netdev", "heddle_limits", check=False)
    return "".join(line for line in (meters + table).splitlines() if "rate" in line)


def audited(lab: Lab, name: str) -> None:
    lab.cloud.put(AuditView(id=name, repair=True))
    wait_until(lambda: any(each.id == name for told in lab.cloud.reports for each in told.audits), 10, "it is audited")


def test_what_is_taken_away_by_hand_or_by_a_restart_is_back(lab: Lab) -> None:
    lab.cloud.put(policy("gold", ("egress", "kbps", 5_000, 600), ("ingress", "kbps", 4_000, 400)))
    lab.cloud.port(port(1, ("open",), qos_policy="gold"))
    wait_until(lambda: left(lab).count("rate") == 2, 5, "both limits are there")
    switch = not isinstance(lab, BridgeLab)
    flows = lab.flows() if switch else []
    for damage in ["nft flush table netdev heddle_limits", *(["ovs-ofctl -O OpenFlow15 del-meters br-int"] * switch)]:
        lab.host.sh(damage)
        audited(lab, damage)
        assert left(lab).count("rate") == 2 and (not switch or lab.flows() == flows)
    assert "drift role=switch kind=table id=heddle_limits" in lab.agent.log
    pinging = Pinging(lab.host, "g3", ip(1), 1.5)
    lab.agent.stop()
    lab.cloud.put(policy("gold", ("egress", "kbps", 5_000, 600), ("ingress", "kbps", 3_000, 400)))
    lab.agent.start()
    assert eventually(lambda: "375000" in left(lab) and left(lab).count("rate") == 2), left(lab)
    assert pinging.result() == (150, 0), "an agent that starts loses nothing"
    if switch:
        assert f"drift role=switch kind=port id={port_id(1)} expected=[meter" in lab.agent.log
        lab.host.kill("ovs-vswitchd")
        lab.host.start_vswitchd()
    else:
        lab.host.unplug("g1")
        lab.plug(1)
    assert eventually(lambda: left(lab).count("rate") == 2, 15), left(lab) + lab.agent.log[-2000:]
    with pouring(lab.host, "g1", ip(2)), pouring(lab.host, "g2", ip(1)):
        comes(lab.host, "g2", 4_250, 5_750)
        comes(lab.host, "g1", 2_550, 3_450)
