"""A minute of random changes and faults; `make soak` is an hour of them."""

from __future__ import annotations

import pytest
from tests.cluster.soak import Soak


@pytest.mark.timeout(900)
def test_tenants_change_everything_while_its_parts_die() -> None:
    report = Soak(1.0, 4711, lambda text: print(text, flush=True)).run()
    assert report.clean, report.table()
    assert len(report.checks) == 13 and report.sent > 1000
    assert sum(number for (_, status), number in report.changes.items() if status == 200) > 100
