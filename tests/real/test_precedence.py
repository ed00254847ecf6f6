"""Guaranteed bandwidths: a port gets at least its minimum out of the host, however much others send.

The network card between two hosts carries 4 Mbit/s, of which the settings tell.  Guest 3 floods guest 4 with twice
that, guest 1 sends guest 2 half of it.  The control is the same without the rule, on a card that still carries no more.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.fakes.objects import OUT, allow, group, ip, network, policy, port, port_id
from tests.real.bridgehost import BridgeHost, cable, start
from tests.real.conftest import Lab
from tests.real.matrix import make_lab
from tests.real.planes import PLANES
from tests.real.rates import comes, pouring
from tests.real.test_qos import audited
from tests.real.testhost import host, join, wait_until
from tests.real.traffic import Pinging, eventually

from heddle.view.types import HostView, Segment

CARD, GOLD = 4_000, 1_600
OWN, FLOOD = 200, 800  # frames of 1242 bytes a second: some 2,000 and 8,000 kbit/s
VLAN, FLAT = Segment("vlan", "physnet1", 101), Segment("flat", "physnet1")
TUNNELS = tuple(Segment(kind, "", 77 + number) for number, kind in enumerate(("vxlan", "gre", "geneve")))
WAYS = {"openvswitch": (VLAN, FLAT, *TUNNELS), "linuxbridge": (FLAT, TUNNELS[0])}
HOSTS = (HostView(id="host1", tunnel_ip="172.31.0.1"), HostView(id="host2", tunnel_ip="172.31.0.2"))
Pair = tuple[Lab, Lab]
DAMAGE = {
    "queues": "tc qdisc del dev {card} root",
    "rate": "tc class change dev {card} parent 4ed:ffff classid 4ed:2 htb rate 100kbit",
    "table": "nft flush table netdev heddle_precedence",
}


@contextlib.contextmanager
def joined(plane: str, folder: Path) -> Iterator[Pair]:
    """Two hosts with a cable for all networks, or on Linux bridges one for each kind; odd guests are on the first."""
    switch = plane == "openvswitch"
    way = "br-phy" if switch else "eth1"
    mappings = "bridge_mappings" if switch else "physical_interface_mappings"
    told = ",".join(f"{each}:{CARD // (2 if switch else 1)}:0" for each in (way, "rp_tunnelled"))
    with contextlib.ExitStack() as stack:
        one, other = (stack.enter_context(host(f"host{n}")) if switch else _bridge_host(stack, n) for n in (1, 2))
        (join if switch else cable)(one, other)
        if not switch:
            cable(one, other, "eth1", net=None)
        labs = []
        for number, each in ((1, one), (2, other)):
            settings = [f"agent.tunnel_ip=172.31.0.{number}", f"agent.{mappings}=physnet1:{way}"]
            settings += [f"agent.resource_provider_bandwidths={told}"] if number == 1 else []
            made = start(each, folder / str(number), *settings) if isinstance(each, BridgeHost) else make_lab(
                each, folder / str(number), "agent.audit_seconds=600", "agent.resync_seconds=600", *settings
            )
            stack.callback(made.cloud.stop_serving)
            stack.callback(made.agent.stop)
            labs.append(made)
        yield labs[0], labs[1]


def _bridge_host(stack: contextlib.ExitStack, number: int) -> BridgeHost:
    made = BridgeHost(f"host{number}")
    stack.callback(made.stop)
    return made


@pytest.fixture(scope="module", params=PLANES)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with joined(request.param, tmp_path_factory.mktemp(request.param)) as labs:
        for lab in labs:
            lab.cloud.put(*HOSTS, group("open", *OUT, allow()))
        on(labs, WAYS[request.param][0])
        for number in range(1, 7):
            labs[1 - number % 2].plug(number)
        settled(labs)
        yield labs


def on(labs: Pair, segment: Segment, **policies: str) -> None:
    """All guests are on a network of that segment, without policies but those of the guests that are named."""
    for lab in labs:
        lab.cloud.put(network("net-a", segment), policy("gold", guaranteed=GOLD))
        for number in range(1, 7):
            own = policies.get(f"g{number}", "")
            lab.cloud.port(port(number, ("open",), qos_policy=own), host="host1" if number % 2 else "host2")


def settled(labs: Pair) -> None:
    for lab, numbers in zip(labs, ((1, 3, 5), (2, 4, 6)), strict=True):
        lab.wait_up(*numbers)
    for number in (1, 3, 5):
        assert eventually(partial(labs[0].host.pings, f"g{number}", ip(number + 1)), 10), number


def card_of(lab: Lab) -> str:
    return "eth1" if isinstance(lab.host, BridgeHost) else "eth0"


def queues(lab: Lab) -> str:
    return lab.host.run("tc", "class", "show", "dev", card_of(lab), check=False)


def has_queue(lab: Lab, kbps: int) -> bool:
    return f"rate {kbps}Kbit" in queues(lab)


def large_pings(labs: Pair) -> subprocess.Popen[str]:
    """Sixty echo requests of guest 5, as long as what floods, in three seconds: some 200 kbit/s."""
    ping = ["ping", "-n", "-s", "1200", "-i", "0.05", "-c", "60", "-W", "1", ip(6)]
    child: subprocess.Popen[str] = labs[0].host.popen(
        "ip", "netns", "exec", "g5", *ping, stdout=subprocess.PIPE, text=True
    )
    return child


def answered(pings: subprocess.Popen[str]) -> int:
    found = re.search(r"(\d+) received", pings.communicate(timeout=60)[0])
    assert found is not None
    return int(found[1])


def plane_of(labs: Pair) -> str:
    return "linuxbridge" if isinstance(labs[0].host, BridgeHost) else "openvswitch"


def test_a_port_gets_its_minimum_whatever_others_send(pair: Pair) -> None:
    one, other = pair[0].host, pair[1].host
    for segment in WAYS[plane_of(pair)]:
        on(pair, segment)
        settled(pair)
        on(pair, segment, g1="gold")
        with pouring(one, "g3", ip(4), per_second=FLOOD), pouring(one, "g1", ip(2), per_second=OWN):
            comes(other, "g2", 0.95 * GOLD, 2_200)
            comes(other, "g4", 1_700, 2_500)
            on(pair, segment)
            comes(other, "g2", 100, 1_300)
            comes(other, "g4", 2_700, 4_100)
            on(pair, segment, g1="gold")
            comes(other, "g2", 0.95 * GOLD, 2_200)
        with pouring(one, "g3", ip(4), per_second=FLOOD):
            comes(other, "g4", 3_400, 4_100)  # what nobody sends of a guarantee others may


def test_who_is_within_the_minimum_loses_nothing_when_it_changes(pair: Pair) -> None:
    one, other = pair[0].host, pair[1].host
    for lab in pair:
        lab.cloud.put(policy("small", guaranteed=300))
    segment = WAYS[plane_of(pair)][0]
    on(pair, segment, g1="gold", g5="small")
    settled(pair)
    with pouring(one, "g3", ip(4), per_second=FLOOD), pouring(one, "g1", ip(2), per_second=OWN):
        comes(other, "g2", 0.95 * GOLD, 2_200)
        pinging = large_pings(pair)
        for kbps in (800, 1_200, 400):
            pair[0].cloud.put(policy("gold", guaranteed=kbps))
            assert eventually(partial(has_queue, pair[0], kbps), 5), queues(pair[0])
        on(pair, segment, g5="small")
        assert answered(pinging) == 60
        on(pair, segment)
        assert eventually(lambda: answered(large_pings(pair)) < 55, 30), "the flood takes their place without a minimum"


def test_what_is_taken_away_by_hand_or_by_a_restart_is_back(pair: Pair) -> None:
    lab, one, other = pair[0], pair[0].host, pair[1].host
    on(pair, WAYS[plane_of(pair)][0], g1="gold")
    settled(pair)
    wait_until(lambda: has_queue(lab, GOLD), 5, "there is a queue")
    for name, damage in DAMAGE.items():
        one.sh(damage.format(card=card_of(lab)))
        audited(lab, f"{name}-{plane_of(pair)}")
        assert has_queue(lab, GOLD), name
    assert f"drift role=precedence kind=card id={card_of(lab)}" in lab.agent.log
    assert "drift role=precedence kind=table id=heddle_precedence" in lab.agent.log
    pinging = Pinging(one, "g1", ip(2), 1.5)
    lab.agent.stop()
    lab.agent.start()
    assert eventually(lambda: lab.agent.log.count("role=precedence") and has_queue(lab, GOLD))
    assert pinging.result() == (150, 0), "an agent that starts loses nothing"
    if plane_of(pair) == "openvswitch":
        one.kill("ovs-vswitchd")
        one.start_vswitchd()
        settled(pair)
    with pouring(one, "g3", ip(4), per_second=FLOOD), pouring(one, "g1", ip(2), per_second=OWN):
        comes(other, "g2", 0.95 * GOLD, 2_200)


def test_a_card_of_somebody_elses_is_left_alone(pair: Pair) -> None:
    """The port carries its traffic, and says from the next audit on why it has no precedence."""
    lab, one = pair[0], pair[0].host
    segment = WAYS[plane_of(pair)][0]
    on(pair, segment, g1="gold")
    settled(pair)
    wait_until(lambda: has_queue(lab, GOLD), 5, "there is a queue")
    one.sh(f"tc qdisc replace dev {card_of(lab)} root handle 7: htb default 1")
    audited(lab, f"taken-{plane_of(pair)}")

    def said() -> str:
        status = lab.cloud.statuses.get(next(ref for ref in lab.cloud.statuses if ref.id == port_id(1)))
        return f"{status.state}: {status.message}" if status else ""

    assert eventually(lambda: "no precedence" in said() and "htb 7:" in said()), said()
    assert one.pings("g1", ip(2)) and "htb 7:" in one.run("tc", "qdisc", "show", "dev", card_of(lab))
    lab.cloud.put(policy("gold", guaranteed=1_400))
    one.sh(f"tc qdisc del dev {card_of(lab)} root")
    wait_until(lambda: has_queue(lab, 1_400), 15, "the queues are there")
    lab.wait_up(1)
    lab.cloud.put(policy("gold", guaranteed=GOLD))
    wait_until(lambda: has_queue(lab, GOLD), 5, "as they were")
