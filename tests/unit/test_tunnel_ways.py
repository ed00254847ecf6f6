"""Which pairs of hosts are looked at, and what is said of what they saw."""

from __future__ import annotations

import time

from heddle.checks.base import Level
from heddle.checks.pairs import Group, Need, pairs
from heddle.checks.ways import SHOWN, Seen, findings, untried
from heddle.view.tunnels import Peer, Way

HOSTS = [f"h{number:03}" for number in range(8)]
ADDRESSES = {name: f"10.0.0.{number + 1}" for number, name in enumerate(HOSTS)}


def test_pairs_of_few_hosts_are_all_there_with_their_largest_size() -> None:
    little, much = Need(1450, 1400, "vxlan"), Need(1550, 1500, "vxlan")
    small, large = Group(little, frozenset(HOSTS[:3])), Group(much, frozenset(HOSTS[1:3]))
    found = pairs([small, large], HOSTS, 64)
    assert found.by_host == {
        "h000": {"h001": little, "h002": little},
        "h001": {"h002": much, "h000": little},
        "h002": {"h001": much, "h000": little},
    }
    assert found.total == 6
    assert pairs([], HOSTS, 64).total == 0
    assert pairs([small], HOSTS[2:], 64).by_host == {}


def test_pairs_of_many_hosts_are_spread() -> None:
    names = [f"h{number:04}" for number in range(1000)]
    need, began = Need(1550, 1500, "vxlan"), time.monotonic()
    found = pairs([Group(need, frozenset(names)), Group(need._replace(size=1450), frozenset(names[:500]))], names, 64)
    assert time.monotonic() - began < 2
    assert found.total == 999_000
    asked = dict.fromkeys(names, 0)
    for name, peers in found.by_host.items():
        assert 60 <= len(peers) <= 64 and name not in peers
        for peer in peers:
            asked[peer] += 1
    assert min(asked.values()) >= 60 and max(asked.values()) <= 64


def ways(
    *bad: tuple[str, str], passes: int = 1400, hosts: list[str] = HOSTS[:4], kind: str = "", echo: float = 0.0
) -> list[Seen]:
    """What hosts saw of each other: all is well but for these ways."""
    return [
        Seen(one, Peer(two, "10.0.0.1", 1550, kind, 1500),
             Way(host=two, kind=kind, echo=echo if (one, two) in bad else 0.001,
                 passes=passes if (one, two) in bad else 1550, seconds=0.001))
        for one in hosts for two in hosts if one != two
    ]  # fmt: skip


def test_what_is_well_is_not_told() -> None:
    assert findings(ways(), ADDRESSES) == []


def test_a_pair_is_told_once_with_both_names_addresses_and_sizes() -> None:
    (found,) = findings(ways(("h000", "h001"), ("h001", "h000")), ADDRESSES)
    assert found.level == Level.FAILURE and found.node == "h000"
    assert found.details == (
        "between h000 (10.0.0.1) and h001 (10.0.0.2): packets of 1550 bytes do not pass, "
        "the largest that was seen to is 1400"
    )
    assert "by 150" in found.remedy and "h001 to h000: 1400 of 1550 bytes" in found.evidence


def test_a_way_that_is_bad_in_one_direction() -> None:
    (found,) = findings(ways(("h001", "h000"), passes=0), ADDRESSES)
    assert found.details == "from h001 (10.0.0.2) to h000 (10.0.0.1): nothing comes back" and found.node == "h001"
    assert "ICMP" in found.remedy


def test_a_host_that_reaches_nobody_is_told_once() -> None:
    bad = [(one, two) for one in HOSTS[:4] for two in HOSTS[:4] if "h003" in (one, two)]
    (found,) = findings(ways(*bad, passes=0), ADDRESSES)
    assert found.node == "h003" and "each of the 3 hosts" in found.details and "h000, h001, h002" in found.details


def test_many_are_not_all_told() -> None:
    hosts = [f"h{number:03}" for number in range(30)]
    bad = [(one, two) for one in hosts[::2] for two in hosts[::2]]
    found = findings(ways(*bad, hosts=hosts), dict.fromkeys(hosts, "10.0.0.1"))
    assert len(found) == SHOWN + 1 and "and 85 more" in found[-1].details


def test_a_thousand_hosts_that_reach_nobody_are_judged_in_time() -> None:
    names = [f"h{number:04}" for number in range(1000)]
    chosen = pairs([Group(Need(1550, 1500, "vxlan"), frozenset(names))], names, 64)
    seen = [Seen(one, Peer(two, "10.0.0.1", 1550), Way(host=two)) for one, two_of in chosen.by_host.items()
            for two in two_of]  # fmt: skip
    began = time.monotonic()
    found = findings(seen, dict.fromkeys(names, "10.0.0.1"))
    assert time.monotonic() - began < 3
    assert len(found) == SHOWN + 1 and "and 980 more" in found[-1].details


def test_a_tunnel_counts_for_more_than_echo_requests() -> None:
    assert findings(ways(("h000", "h001"), passes=0, kind="vxlan", echo=0.002), ADDRESSES) == []
    (found,) = findings(ways(("h000", "h001"), ("h001", "h000"), passes=1550, kind="vxlan"), ADDRESSES)
    assert found.details == (
        "between h000 (10.0.0.1) and h001 (10.0.0.2): frames in vxlan do not come back, "
        "though packets of 1550 bytes do outside tunnels"
    )
    assert "UDP port 4789" in found.remedy and "vxlan not answered" in found.evidence


def test_a_host_that_sent_no_frames_is_unknown_where_echo_requests_pass() -> None:
    seen = [Seen("h000", Peer(two, "10.0.0.1", 1550, "vxlan", 1500), Way(host=two, passes=1550)) for two in HOSTS[1:3]]
    (found,) = untried(seen, {"h000"}, {"h000": "br-tun has no port"})
    assert found.level == Level.UNKNOWN and found.node == "h000"
    assert found.details == "h000 sent no frames in tunnels to h001, h002: br-tun has no port"
    assert untried(seen, {"h001"}, {}) == [], "its own switch sends none"
    assert untried(ways(hosts=["h000", "h001"], kind="vxlan"), {"h000"}, {}) == []
