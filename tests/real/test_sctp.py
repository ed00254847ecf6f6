"""SCTP between guests, with packets: rules for its ports, and the end of what no rule permits any more."""

from __future__ import annotations

import pytest
from tests.fakes.objects import OUT, allow, group, ip, network, port, port_id
from tests.real.conftest import Lab
from tests.real.sctp_frames import ACKNOWLEDGED, INIT, SCTP, Ports, address, arrived
from tests.real.testhost import DATAPATH
from tests.real.traffic import eventually

from heddle.view.types import FixedIp, Ref, RuleView


def sctp(first: int, last: int = 0, **more: object) -> RuleView:
    return allow(protocol=SCTP, ports=(first, last or first), **more)  # type: ignore[arg-type]


@pytest.fixture
def pair(lab: Lab) -> Lab:
    lab.cloud.put(network(), group("open", *OUT), group("web", *OUT), group("friends"))
    for number, names in ((1, ("open", "friends")), (2, ("web",))):
        fixed = [FixedIp(f"s{version}", address(number, version)) for version in (4, 6)]
        lab.cloud.port(port(number, names, fixed_ips=fixed))
        lab.plug(number, f"{ip(number)}/16")
    lab.wait_up(1, 2)
    return lab


def arrives(lab: Lab, source: int, sink: int, ports: Ports, kind: int = INIT) -> bool:
    return bool(arrived(lab.host, source, sink, ports, kind=kind))


def answered(lab: Lab, *begun: Ports, version: int = 4) -> None:
    """Guest 1 begins associations with guest 2, which answers."""
    assert eventually(lambda: arrived(lab.host, 1, 2, *begun, version=version) == {*begun}, 10)
    answers = [(target, source) for source, target in begun]
    assert arrived(lab.host, 2, 1, *answers, kind=ACKNOWLEDGED, version=version) == {*answers}


def test_a_rule_lets_a_port_in_and_its_end_cuts_the_association(pair: Lab) -> None:
    assert not arrives(pair, 1, 2, (1000, 80)), "no rule"
    pair.cloud.put(group("web", *OUT, sctp(80)))
    answered(pair, (1000, 80))
    assert arrives(pair, 1, 2, (1000, 80))
    pair.cloud.put(group("web", *OUT))
    assert eventually(lambda: not arrives(pair, 1, 2, (1000, 80)), 10)
    assert not arrives(pair, 2, 1, (80, 1000), ACKNOWLEDGED), "nor what answers"


def test_other_ports_are_refused(pair: Lab) -> None:
    pair.cloud.put(group("web", *OUT, sctp(81)))
    assert eventually(lambda: not arrives(pair, 1, 2, (1000, 80)) and arrives(pair, 1, 2, (1000, 81)), 10)


@pytest.mark.parametrize("version", [4, 6])
def test_an_association_lets_in_no_other_ports_between_its_addresses(pair: Lab, version: int) -> None:
    """Neither at the end that it was begun with nor at the one that began it, whoever sends first."""
    pair.cloud.put(group("web", *OUT, sctp(80, ethertype=version)))
    answered(pair, (1000, 80), version=version)
    assert arrived(pair.host, 1, 2, (1000, 81), (1000, 80), (1001, 80), version=version) == {(1000, 80), (1001, 80)}
    back: list[Ports] = [(80, 1000), (82, 1000), (80, 1002), (80, 99), (5000, 99)]
    assert arrived(pair.host, 2, 1, *back, version=version) == {(80, 1000)}
    pair.cloud.put(group("open", *OUT, sctp(99, ethertype=version)))
    more = {(80, 1000), (80, 99), (5000, 99)}
    assert eventually(lambda: arrived(pair.host, 2, 1, *back, version=version) == more, 10)
    there: list[Ports] = [(99, 5000), (98, 5000), (99, 5001), (1000, 81), (1000, 80)]
    assert arrived(pair.host, 1, 2, *there, version=version) == {(99, 5000), (1000, 80)}


@pytest.mark.parametrize("peers", [{"remote": "friends"}, {"cidr": "10.0.0.0/16"}])
def test_of_a_range_for_some_peers_each_port_is_let_in_and_cut(pair: Lab, peers: dict[str, str]) -> None:
    """What is cut begins anew from neither end, what a rule still permits goes on, and what one permits again does."""
    pair.cloud.put(group("open", *OUT, sctp(1000)), group("web", *OUT, sctp(80, 86, **peers)))
    answered(pair, (1000, 81), (1000, 86))
    assert arrived(pair.host, 1, 2, (1000, 87), (1000, 79), (1000, 81)) == {(1000, 81)}
    pair.cloud.put(group("web", *OUT, sctp(83, 90, **peers)))
    assert eventually(lambda: arrived(pair.host, 1, 2, (1000, 81), (1000, 86)) == {(1000, 86)}, 10)
    assert arrived(pair.host, 2, 1, (81, 1000), (86, 1000), kind=ACKNOWLEDGED) == {(86, 1000)}
    pair.cloud.put(group("web", *OUT, sctp(80, 86, **peers)))
    answered(pair, (1000, 81), (1000, 86))


def test_who_leaves_a_remote_group_is_cut(pair: Lab) -> None:
    pair.cloud.put(group("web", *OUT, sctp(80, remote="friends"), sctp(90)))
    answered(pair, (1000, 80), (1000, 90))
    pair.cloud.port(port(1, ("open",)))
    assert eventually(lambda: arrived(pair.host, 1, 2, (1000, 80), (1000, 90)) == {(1000, 90)}, 10)
    assert arrived(pair.host, 2, 1, (80, 1000), (90, 1000), kind=ACKNOWLEDGED) == {(90, 1000)}


def test_associations_outlive_the_agent_and_are_no_drift(pair: Lab) -> None:
    pair.cloud.put(group("web", *OUT, sctp(80)))
    answered(pair, (1000, 80))
    assert learned(pair) == (4 if DATAPATH == "netdev" else 0)
    pair.agent.stop()
    assert arrived(pair.host, 2, 1, (80, 1000), (80, 99)) == {(80, 1000)}
    before = pair.agent.log.count("changed=0 adopted")
    pair.agent.start()
    assert eventually(lambda: pair.agent.log.count("changed=0 adopted") > before, 20), pair.agent.log
    assert arrived(pair.host, 2, 1, (80, 1000), (80, 99)) == {(80, 1000)}
    pair.cloud.remove(Ref("port", port_id(2)))
    assert eventually(lambda: not learned(pair), 10), "those of an address that is gone"


def learned(lab: Lab) -> int:
    return sum(" table=39, " in flow for flow in lab.flows())
