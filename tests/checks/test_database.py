"""Databases that are away, hang, are at another revision, or were changed by hand."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from tests.checks.conftest import OF_HOSTS, Look, differing, reader
from tests.engines.servers import engine_name

from heddle.cli import main as cli
from heddle.store import migrate
from heddle.store.engine import Store

NEED_CLOUD = {
    "database-drift", "network-agents", "network-bindings", "network-drift", "network-faults", "network-hosts",
    "network-macs", "network-tunnels", "versions-agents",
}  # fmt: skip
NEED_DATABASE = NEED_CLOUD | {
    "database-schema", "database-transactions", "database-engine", "database-sizes", "database-numbers",
    "database-dry-run", "database-copies",
}  # fmt: skip


def run(store: Store, *statements: str) -> None:
    with store.engine.begin() as conn:
        for statement in statements:
            conn.exec_driver_sql(statement)


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
@pytest.mark.parametrize("fault", ["hangs", "refuses"])
def test_a_database_that_is_away(look: Look, silent_server: int, engine: str, fault: str) -> None:
    port = silent_server if fault == "hangs" else 1
    look.words = [f"database.url={engine}://heddle:hunter2@127.0.0.1:{port}/none"]
    started = time.monotonic()
    found = look()
    assert time.monotonic() - started < 15 and look.code == 2
    told = found["database-reachable"]
    assert told["status"] == "failure" and "127.0.0.1" in told["details"], told
    assert {id for id, each in found.items() if "database-reachable" in each["details"]} >= NEED_DATABASE | OF_HOSTS
    assert {found[id]["status"] for id in NEED_DATABASE | OF_HOSTS} == {"unknown"}
    assert found["configuration-settings"]["status"] == "success"
    assert "hunter2" not in str(found)


def test_no_file_is_made_where_there_is_no_database(look: Look, settings: object) -> None:
    if engine_name() == "sqlite":
        told = look()["database-reachable"]
        assert told["status"] == "failure" and "heddle up" in told["details"], told
        assert look()["database-reachable"]["status"] == "failure"


def test_tables_are_not_counted_where_all_are_one_file(look: Look, store: Store) -> None:
    found = look("--only", "database-engine", "--only", "database-sizes")
    with store.engine.connect() as conn:
        count = len(sa.inspect(conn).get_table_names())
    for id, each in found.items():
        said = "one file" in each["details"] or "the file of all" in each["details"]
        assert said if store.sqlite else f"{count} tables" in each["details"], (id, each)


def test_an_older_schema(look: Look, store: Store, report: Callable[..., None]) -> None:
    report()
    before = look()
    run(store, "UPDATE alembic_version SET version_num = '0001'")
    found = look()
    assert differing(before, found) == {"database-schema", "database-dry-run", *NEED_CLOUD}
    told = found["database-schema"]
    assert told["status"] == "failure" and "0001" in told["details"] and migrate.HEAD in told["details"], told
    assert {found[id]["status"] for id in NEED_CLOUD} == {"unknown"} and look.code == 2


@pytest.mark.parametrize(("statement", "status", "says"), [
    ("DROP TABLE alembic_version", "failure", "no revision"),
    ("UPDATE alembic_version SET version_num = '9999'", "warning", "a newer version has expanded the schema"),
])  # fmt: skip
def test_a_revision_that_is_lost_or_newer(look: Look, store: Store, statement: str, status: str, says: str) -> None:
    run(store, statement)
    told = look()["database-schema"]
    assert told["status"] == status and says in told["details"], told


def test_a_schema_that_serves_only_newer_programs(look: Look, store: Store) -> None:
    run(store, "UPDATE alembic_version SET version_num = '9999'")
    run(store, "UPDATE counters SET value = 9998 WHERE name = 'schema_floor'")
    told = look()["database-schema"]
    assert told["status"] == "failure" and "a newer one made it" in told["details"], told


def test_a_table_that_was_dropped(look: Look, store: Store, report: Callable[..., None]) -> None:
    report()
    before = look()
    run(store, "DROP TABLE audit_answers")
    found = look()
    assert differing(before, found) == {"database-drift"}
    assert "table audit_answers: is missing" in found["database-drift"]["details"]


def test_an_index_of_somebody_else_is_a_warning(look: Look, store: Store) -> None:
    run(store, "CREATE INDEX ix_mine ON hosts (heartbeat)")
    told = look()["database-drift"]
    assert told["status"] == "warning" and "ix_mine is not declared" in told["details"], told


def test_a_column_that_was_dropped(look: Look, store: Store) -> None:
    run(store, "ALTER TABLE hosts DROP COLUMN latencies")
    told = look()["database-drift"]
    assert told["status"] == "failure" and "table hosts: column latencies is missing" in told["details"], told


def test_a_transaction_that_is_open_for_long(look: Look, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heddle.checks.database.transactions.SECONDS", 1)
    if engine_name() == "sqlite":
        assert look()["database-transactions"]["status"] == "not_applicable"
        return
    alone = ("--only", "database-transactions")  # those of other checks may be open for a second
    assert look(*alone)["database-transactions"]["status"] == "success"
    with store.engine.connect() as conn:
        conn.execute(sa.text("UPDATE counters SET value = value"))
        time.sleep(2.5)
        told = look(*alone)["database-transactions"]
        assert told["status"] == "warning" and "open for long" in told["details"], told
        conn.rollback()


@pytest.mark.parametrize("url", [
    "postgresql://127.0.0.1:1/heddle?user=h&password=hunter2", "mariadb://127.0.0.1:1/heddle?user=h&passwd=hunter2",
    "postgresql://heddle:pa@ss:hunter2@127.0.0.1:1/heddle", "postgresql://heddle:hunter2@127.0.0.1:port/heddle",
    "postgresql://127.0.0.1:1/heddle?sslpassword=hunter2&user=h", "oracle://heddle:hunter2@127.0.0.1/heddle",
    "postgresql://heddle:pa@hunter2@127.0.0.1:1/heddle", "hunter2", "heddle:hunter2@127.0.0.1/heddle",
])  # fmt: skip
def test_no_password_is_told_wherever_the_url_has_it(
    look: Look, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    look.words = [f"database.url={url}"]
    found = look()
    assert found["database-reachable"]["status"] == "failure" and look.code == 2, found["database-reachable"]
    assert {found[id]["status"] for id in NEED_DATABASE} == {"unknown"}
    assert "hunter2" not in str(found) and "ss:h" not in str(found)
    cli.main(["--set", f"database.url={url}", "db", "status"])
    told = capsys.readouterr()
    assert told.err and "hunter2" not in told.err + told.out


if engine_name() != "sqlite":

    def test_transactions_that_the_database_does_not_show(look: Look, store: Store) -> None:
        with reader(store) as (url, grant), store.engine.connect():
            look.words = [f"database.url={url}"]
            told = look()["database-transactions"]
            assert told["status"] == "unknown" and "GRANT" in told["remedy"], told
            grant("pg_read_all_stats" if engine_name() == "postgresql" else "PROCESS ON *.*")
            assert look()["database-transactions"]["status"] == "success"


@pytest.mark.parametrize(("statement", "says"), [
    ("ALTER TABLE dns_marks ADD COLUMN mine INTEGER", ""),
    ("CREATE UNIQUE INDEX ux_mine ON hosts (heartbeat)", "ux_mine is not declared, and forbids equal values"),
    *([] if engine_name() == "sqlite" else [
        ("ALTER TABLE dns_marks ADD COLUMN mine INTEGER NOT NULL", "mine is not declared, and wants a value")]),
    *([("COMMENT ON TABLE hosts IS 'mine'", "table hosts: table comment")] if engine_name() == "postgresql" else []),
])  # fmt: skip
def test_what_was_added_by_hand(look: Look, store: Store, statement: str, says: str) -> None:
    run(store, statement)
    told = look("--only", "database-drift")["database-drift"]
    assert "is not declared" in told["details"] and says in told["details"], told
    assert told["status"] == ("failure" if ", and " in says else "warning"), told


if engine_name() == "mariadb":

    @pytest.mark.parametrize(("collation", "status"), [
        ("utf8mb4_general_ci", "failure"), ("latin1_swedish_ci", "failure"), ("utf8mb4_bin", "success"),
    ])  # fmt: skip
    def test_text_that_is_not_compared_as_it_is_written(
        look: Look, store: Store, collation: str, status: str
    ) -> None:
        only = ("--only", "database-engine")
        assert look(*only)["database-engine"]["status"] == "success"
        words = f"CHARACTER SET {collation.partition('_')[0]} COLLATE {collation}"
        run(store, f"ALTER TABLE hosts MODIFY availability_zone VARCHAR(64) {words}")
        told = look(*only)["database-engine"]
        named = "hosts.availability_zone" in told["details"]
        assert told["status"] == status and named == (status == "failure"), told
