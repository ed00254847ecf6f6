"""Traffic does not notice the control plane: each fault once, with short outages, beside a control run without one.

What belongs to others is back in time.  `make hitless` does each row 20 times, with outages of a minute.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cluster.faults import LAB, OTHERS, OURS, Fault
from tests.cluster.hitless import Traffic, recovered
from tests.cluster.lab import Lab


@pytest.fixture(scope="module")
def traffic() -> Iterator[Traffic]:
    yield from _traffic()


@pytest.fixture(scope="module")
def mixed() -> Iterator[Traffic]:
    """Where the second host has Linux bridges."""
    yield from _traffic(2)


def _traffic(*bridges: int) -> Iterator[Traffic]:
    lab = Lab(3, servers=2, of_agents=LAB, bridges=bridges)
    try:
        lab.start()
        yield Traffic(lab)
    finally:
        lab.stop()


@pytest.mark.parametrize("row", OURS)
def test_nothing_is_lost(traffic: Traffic, row: str) -> None:
    loses_nothing(traffic, row)


def loses_nothing(traffic: Traffic, row: str) -> None:
    outcome = traffic.row(Fault(traffic.lab), row)
    assert outcome.clean, (outcome.where, outcome.late)
    assert all(sent > 500 for sent in outcome.sent.values()), outcome.sent
    recovered(traffic.lab, traffic)


@pytest.mark.parametrize("row", OTHERS)
def test_what_is_others_comes_back(traffic: Traffic, row: str) -> None:
    outcome = traffic.row(Fault(traffic.lab), row)
    assert outcome.clean, (outcome.back, outcome.where, outcome.late)
    recovered(traffic.lab, traffic)


def test_the_flows_notice_a_cut(traffic: Traffic) -> None:
    """What is measured can be seen: the cable of a host is out for half a second."""
    host = traffic.lab.hosts[1]

    def cut() -> None:
        host.sh("ip link set eth0 down; sleep 0.5; ip link set eth0 up")

    outcome = traffic.run(cut)
    assert outcome.lost["across hosts"] > 20 and outcome.lost["same host"] == 0, outcome.lost


@pytest.mark.parametrize("row", ["nothing", "agents_killed", "resync", "busy_tenant"])
def test_nothing_is_lost_beside_linux_bridges(mixed: Traffic, row: str) -> None:
    loses_nothing(mixed, row)
