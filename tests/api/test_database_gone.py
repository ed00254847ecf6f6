"""A database that cannot be used is told with 503, on every path to it, and not with 500."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import pytest
from tests.api.conftest import Cloud

from heddle.errors import Unavailable
from heddle.store import prepared
from heddle.store.engine import Store


def test_a_prepared_statement_that_fails_is_told_like_any_other(
    embedded_cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud, blue = embedded_cloud, embedded_cloud.tenant()
    network = blue.create("network")
    assert isinstance(cloud.store, Store)

    def fail(*_: object) -> Sequence[Any]:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(prepared, "processed", fail)
    blue.refused(503, "ServiceUnavailable", "GET", f"/v2.0/networks/{network['id']}")
    with pytest.raises(Unavailable):
        cloud.store.write(fail)


def test_a_prepared_statement_that_was_too_late_runs_anew(cloud: Cloud) -> None:
    calls = []

    def work(tx: object) -> int:
        calls.append(1)
        if len(calls) < 3:
            raise sqlite3.OperationalError("database is locked")
        return 7

    assert cloud.store.write(work) == 7 and len(calls) == 3
