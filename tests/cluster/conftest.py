"""The tests of a whole cloud: they need RabbitMQ and PostgreSQL, and run where the run has a broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cluster.lab import Lab
from tests.engines.brokers import wanted

collect_ignore_glob = [] if wanted() else ["test_*.py"]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Three hosts, two servers."""
    made = Lab(3, servers=2, of_agents=["agent.report_seconds=1"])
    try:
        made.start()
        yield made
    finally:
        made.stop()
