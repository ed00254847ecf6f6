"""The tests of a whole cloud: they need RabbitMQ and PostgreSQL, and run where the run has a broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.lab import Lab
from tests.engines.brokers import wanted

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What a test here waits for has bounds of its own; the start of a lab is part of the first test's time."""
    for item in items:
        if HERE in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(600))


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
