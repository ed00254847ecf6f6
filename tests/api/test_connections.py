"""Connections that the database's server has ended: the requests after that do not notice, or say so once."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.api.conftest import Cloud, build
from tests.engines.servers import parts, server

from heddle.errors import Unavailable
from heddle.store import connections
from heddle.store.prepared import Prepared


def end_connections(cloud: Cloud) -> None:
    """What the server does when it restarts, or when an administrator says so."""
    name, database = parts(cloud.store.url)
    match name:
        case "postgresql":
            others = f"FROM pg_stat_activity WHERE datname = '{database}'"
            server(name).execute(f"SELECT pg_terminate_backend(pid, 10000) {others}")
        case "mariadb":
            with server(name).connected() as conn:
                ids = f"SELECT id FROM information_schema.processlist WHERE db = '{database}' AND id <> CONNECTION_ID()"
                for (id,) in conn.exec_driver_sql(ids).all():
                    conn.exec_driver_sql(f"KILL {id}")
        case _:
            cloud.store.engine.dispose()


@pytest.mark.parametrize("fresh", [0.0, 3600.0], ids=["some time after", "at once"])
def test_a_connection_that_was_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: float) -> None:
    monkeypatch.setattr(connections, "_FRESH", fresh)
    cloud = build(tmp_path)
    try:
        client = cloud.admin.client
        network, _ = cloud.admin.network()
        path = f"/v2.0/networks/{network['id']}"
        for method, body in (("GET", None), ("PUT", {"network": {"name": "after"}})):
            end_connections(cloud)
            answers = [client.call(method, path, body).status for _ in range(3)]
            # A connection in use a moment ago is not asked first whether it is there: who gets it is told to try again.
            assert answers[1:] == [200, 200]
            assert answers[0] == 200 or (fresh and answers[0] == 503), answers
    finally:
        cloud.close()


def test_a_connection_that_ends_before_the_end_of_a_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is told in a line, as one that ends in the middle, and whoever asks next gets another connection."""
    cloud = build(tmp_path)
    try:
        network, _ = cloud.admin.network()
        name, _ = parts(cloud.store.url)
        says = pytest.raises(Unavailable) if name == "postgresql" else nullcontext()
        with says, cloud.store.read() as tx:
            assert [tuple(row) for row in Prepared(sa.select(sa.literal(1))).rows(tx.conn)] == [(1,)]
            end_connections(cloud)
        assert not [record.getMessage() for record in caplog.records if record.exc_info]
        assert cloud.admin.client.call("GET", f"/v2.0/networks/{network['id']}").status == 200
    finally:
        cloud.close()
