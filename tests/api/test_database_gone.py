"""A database that cannot be used is told with 503, on every path to it, and not with 500."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.load.processes import Server, free_port

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


def test_a_server_that_finds_no_database_says_so_and_ends(tmp_path: Path) -> None:
    url = f"postgresql://heddle:secret@127.0.0.1:{free_port()}/heddle"
    env = Server(tmp_path, database_url=url, server_user="root").env
    ended = subprocess.run(
        [str(Path(sys.executable).with_name("heddle")), "server"], env=env, capture_output=True, text=True, timeout=60
    )
    says = ended.stderr.splitlines()
    assert ended.returncode == 1 and "secret" not in ended.stderr and "Traceback" not in ended.stderr
    assert "database unavailable reason=connection failed" in says[-2], says
    assert "the server ends: The database cannot be used at the moment." in says[-1], says
