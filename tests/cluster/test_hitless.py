"""Traffic does not notice the control plane: each fault once, with short outages, beside a control run without one.

`make hitless` does each row 20 times, with outages of a minute.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cluster.hitless import LAB, ROWS, Fault, Traffic, recovered
from tests.cluster.lab import Lab


@pytest.fixture(scope="module")
def traffic() -> Iterator[Traffic]:
    lab = Lab(3, servers=2, of_agents=LAB)
    try:
        lab.start()
        yield Traffic(lab)
    finally:
        lab.stop()


@pytest.mark.parametrize("row", ROWS)
def test_nothing_is_lost(traffic: Traffic, row: str) -> None:
    outcome = traffic.run(getattr(Fault(traffic.lab), row))
    assert outcome.clean, outcome.where
    assert all(sent > 500 for sent in outcome.sent.values()), outcome.sent
    recovered(traffic.lab, traffic)


def test_the_flows_notice_a_cut(traffic: Traffic) -> None:
    """What is measured can be seen: the cable of a host is out for half a second."""
    host = traffic.lab.hosts[1]

    def cut() -> None:
        host.sh("ip link set eth0 down; sleep 0.5; ip link set eth0 up")

    outcome = traffic.run(cut)
    assert outcome.lost["across hosts"] > 20 and outcome.lost["same host"] == 0, outcome.lost
