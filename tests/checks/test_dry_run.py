"""The migrations that a database waits for are tried on a copy, which is away afterwards."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from tests.checks.conftest import Look, environment, reader
from tests.engines.servers import engine_name

from heddle.store import examine, migrate
from heddle.store.engine import Store
from heddle.store.examine.filling import fill
from heddle.store.examine.left import PREFIX
from heddle.store.examine.scratch import CHUNK, Deadline, copied

ID = "database-dry-run"
ONLY = ("--only", ID)
STEP = """\
import time

import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = {head!r}


def upgrade() -> None:
    {body}
"""


@pytest.fixture(autouse=True)
def nothing_is_left(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever happened, no copy is there afterwards.  Time is left for machines with other things to do."""
    monkeypatch.setattr("heddle.checks.database.dry_run.SECONDS", 12.0)
    (tmp_path / "copies").mkdir()
    temporary(monkeypatch, tmp_path / "copies")
    yield
    assert copies(store) == []


def copies(store: Store) -> list[str]:
    """Those that are there."""
    left = [path.name for path in Path(tempfile.gettempdir()).iterdir() if path.name.startswith(PREFIX)]
    if not store.sqlite:
        with store.engine.connect() as conn:
            names = "SELECT datname FROM pg_database" if engine_name() == "postgresql" else "SHOW DATABASES"
            found = [row[0] for row in conn.exec_driver_sql(names)]
        assert len(found) > 1
        left += [name for name in found if name.startswith(PREFIX)]
    return left


def temporary(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)


def one_more(monkeypatch: pytest.MonkeyPatch, folder: Path, body: str) -> None:
    """The program has one more migration."""
    shutil.copytree(migrate._FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "next.py").write_text(STEP.format(head=migrate.HEAD, body=body))
    monkeypatch.setattr(migrate, "_FOLDER", folder)
    for name in ("HEAD", "EXPANDED"):
        monkeypatch.setattr(migrate, name, "next")


def before(words: str) -> str:
    """The revision before the migration that says this of itself."""
    scripts = ScriptDirectory.from_config(migrate.config()).walk_revisions()
    return next(str(script.down_revision) for script in scripts if words in script.doc)


def test_nothing_to_do(look: Look, store: Store) -> None:
    told = look(*ONLY)[ID]
    assert told["status"] == "success" and "nothing to do" in told["details"] and look.code == 0, told


def test_a_step_that_takes_nothing(look: Look, store: Store) -> None:
    migrate.downgrade(store, "-1")
    older = migrate.current(store)
    told = look(*ONLY)[ID]
    assert told["status"] == "success" and f"from {older} to {migrate.HEAD}" in told["details"], told
    assert "took 0." in told["details"] and migrate.current(store) == older


def test_a_column_that_a_migration_of_ours_took(look: Look, store: Store) -> None:
    migrate.downgrade(store, before("a QoS policy is shared"))
    values = dict.fromkeys(("project_id", "description", "created_at", "updated_at", "name"), "p")
    with store.engine.begin() as conn:
        policies = sa.Table("qos_policies", sa.MetaData(), autoload_with=conn)
        row = {**values, "revision_number": 1, "tags": "[]", "is_default": False, "shared": True}
        conn.execute(sa.insert(policies), [{**row, "id": str(number)} for number in range(2 * CHUNK + 1)])
    told = look(*ONLY)[ID]
    assert told["status"] == "failure" and "qos_policies.shared" in told["details"] and look.code == 2, told
    assert f"qos_policies {2 * CHUNK + 1}" in told["evidence"] and "Stop all servers" in told["remedy"], told
    with store.engine.connect() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM qos_policies").scalar() == 2 * CHUNK + 1
        assert "shared" in {column["name"] for column in sa.inspect(conn).get_columns("qos_policies")}


@pytest.mark.parametrize(("body", "says"), [
    ('op.drop_table("dns_marks")', "dns_marks"),
    ('op.alter_column("hosts", "latencies", new_column_name="delays", existing_type=sa.Text())', "hosts.latencies"),
])  # fmt: skip
def test_a_next_release_that_takes_away(
    look: Look, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, says: str
) -> None:
    one_more(monkeypatch, tmp_path / "migrations", body)
    told = look(*ONLY)[ID]
    assert told["status"] == "failure" and told["details"].endswith(f"read: {says}"), told


def test_a_next_release_that_only_adds(
    look: Look, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_more(monkeypatch, tmp_path / "migrations", 'op.add_column("counters", sa.Column("unit", sa.Text()))')
    told = look(*ONLY)[ID]
    assert told["status"] == "success" and "counters " in told["evidence"], told


def test_a_migration_that_fails(look: Look, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one_more(monkeypatch, tmp_path / "migrations", 'op.execute("UPDATE nowhere SET a = 1")')
    told = look(*ONLY)[ID]
    assert told["status"] == "failure" and "fail on a copy" in told["details"] and "nowhere" in told["details"], told


@pytest.mark.parametrize("body", [
    '[(time.sleep(0.1), op.execute("UPDATE counters SET value = value")) for _ in range(90)]',
    'op.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")',
])  # fmt: skip
def test_one_that_takes_too_long(
    look: Look, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    if not store.sqlite and "RECURSIVE" in body:
        body = f'op.execute("SELECT {"pg_sleep" if engine_name() == "postgresql" else "sleep"}(9)")'
    one_more(monkeypatch, tmp_path / "migrations", body)
    monkeypatch.setattr("heddle.checks.database.dry_run.SECONDS", 2)
    told = look(*ONLY)[ID]
    assert told["status"] == "unknown" and "takes longer than" in told["details"] and look.code == 255, told
    assert told["seconds"] < 12


def test_a_migration_that_takes_no_null_where_old_servers_write_none(
    look: Look, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = (
        'op.add_column("hosts", sa.Column("unit", sa.Text(), nullable=False, server_default="x")); '
        'op.add_column("hosts", sa.Column("size", sa.Integer(), nullable=True)); '
        'op.create_table("fresh", sa.Column("must", sa.Integer(), nullable=False))'
    )
    if engine_name() == "mariadb":
        body = body.replace("sa.Text()", "sa.String(9)")
    older = migrate.HEAD
    one_more(monkeypatch, tmp_path / "migrations", body)
    assert look(*ONLY)[ID]["status"] == "success"
    body += "; op.execute('DELETE FROM hosts')"
    if store.sqlite:
        more = "b = op.batch_alter_table('hosts'); o = b.__enter__(); o.alter_column('size', nullable=False); "
        body += f"; {more}b.__exit__(None, None, None)"
    else:
        body += "; op.alter_column('hosts', 'size', nullable=False, existing_type=sa.Integer())"
    (tmp_path / "migrations" / "versions" / "next.py").write_text(STEP.format(head=older, body=body))
    told = look(*ONLY)[ID]
    assert told["status"] == "failure" and told["details"].endswith("do not write: hosts.size"), told


@pytest.mark.parametrize("target", ["9.0.0"])
def test_a_release_whose_migrations_are_not_here(look: Look, store: Store, target: str) -> None:
    told = look(*ONLY, "--target", target)[ID]
    assert told["status"] == "unknown" and "only the number is known" in told["details"], told


SLOW = 'op.execute("UPDATE counters SET value = value"), [time.sleep(0.01) for _ in range(3000)]'
LONG = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(30)", "mariadb": "SELECT sleep(30) FROM counters",
}  # fmt: skip
PROGRAM = """\
import pathlib, sys
from heddle.cli import main
from heddle.store import migrate
migrate._FOLDER, migrate.HEAD, migrate.EXPANDED = pathlib.Path(sys.argv[1]), "next", "next"
sys.exit(main.main(sys.argv[2:]))
"""


def at_work(store: Store, migrations: Path) -> subprocess.Popen[bytes]:
    """A check that has made its copy and runs these migrations on it."""
    words = ["--set", f"database.url={store.url}", "upgrade", "check", *ONLY]
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, migrations, *words], env=environment())
    end = time.monotonic() + 60
    while not copies(store):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.02)
    time.sleep(0.5)
    return process


@pytest.mark.parametrize(("body", "number"), [
    (SLOW, signal.SIGTERM), (f'op.execute("{LONG[engine_name()]}")', signal.SIGTERM), (SLOW, signal.SIGHUP),
])  # fmt: skip
def test_one_who_is_told_to_end_in_the_middle(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, number: signal.Signals
) -> None:
    one_more(monkeypatch, tmp_path / "migrations", body)
    process = at_work(store, tmp_path / "migrations")
    assert process.poll() is None and copies(store)
    process.send_signal(number)
    assert process.wait(20) == 128 + number


def test_what_one_who_was_killed_has_left_is_named(
    look: Look, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found() -> dict[str, Any]:
        return look("--only", "database-copies")["database-copies"]

    one_more(monkeypatch, tmp_path / "migrations", SLOW)
    assert found()["status"] == "success" and look.code == 0
    end = time.monotonic() + 60
    process = at_work(store, tmp_path / "migrations")
    assert found()["status"] == "success" and process.poll() is None and copies(store), "one that is at work"
    process.kill()
    process.wait()
    (left,) = copies(store)
    monkeypatch.setattr("heddle.checks.database.copies.OLD", 0.0)
    while (told := found())["status"] != "warning":
        assert time.monotonic() < end, told
        time.sleep(0.1)
    assert left in told["details"] and look.code == 1, told
    remove(store, told["remedy"])
    assert found()["status"] == "success"


def remove(store: Store, remedy: str) -> None:
    """As it says."""
    start, _, statement = remedy.partition(": ")
    assert start == "Remove them" and statement.endswith(";"), remedy
    if store.sqlite:
        subprocess.run(statement, shell=True, check=True)
        return
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.exec_driver_sql(statement)


if engine_name() != "sqlite":
    WRITES = 'op.execute("UPDATE counters SET value = value")'

    def test_large_tables_are_copied_where_migrations_name_them(
        look: Look, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("heddle.store.examine.dry_run.SMALL", -1)
        with store.engine.connect() as conn:
            rows = conn.exec_driver_sql("SELECT count(*) FROM counters").scalar()
        one_more(monkeypatch, tmp_path / "migrations", WRITES)
        for _ in range(4):  # on a busy machine there may be no time
            told = look(*ONLY)[ID]
            if "was not seen" not in told["details"]:
                break
        assert told["status"] == "success" and f"counters {rows};" in told["evidence"] and rows, told
        assert "tables that they do not name were not copied" in told["details"], told

    @pytest.mark.parametrize(("body", "status", "says"), [
        (WRITES, "unknown", "how long they take with them was not seen"),
        ('op.execute("UPDATE nowhere SET value = (SELECT max(value) FROM counters)")', "unknown", "nowhere"),
        (f'{WRITES}; op.drop_table("dns_marks")', "failure", "dns_marks"),
    ])  # fmt: skip
    def test_large_tables_for_which_there_is_no_time(
        look: Look, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, status: str, says: str
    ) -> None:
        monkeypatch.setattr("heddle.store.examine.dry_run.SMALL", -1)
        monkeypatch.setattr("heddle.store.examine.scratch.RESERVED", 1.0)
        one_more(monkeypatch, tmp_path / "migrations", body)
        told = look(*ONLY)[ID]
        assert told["status"] == status and says in told["details"], told
        assert status == "failure" or "without the rows of" in told["details"], told

    def test_a_table_whose_time_ends_in_the_middle(store: Store) -> None:
        """It is left out as a whole, and told so, wherever in its copying the time ends."""
        values = dict.fromkeys(("project_id", "description", "created_at", "updated_at", "name"), "p" * 20)
        row = {**values, "revision_number": 1, "tags": "[]"}
        with store.engine.begin() as conn:
            groups = sa.Table("address_groups", sa.MetaData(), autoload_with=conn)
            conn.execute(sa.insert(groups), [{**row, "id": str(number)} for number in range(20_000)])
        seen = set()
        for seconds in (0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 30.0):
            with examine.reading(store, store.url) as tx, copied(
                tx, store.url, migrate.HEAD, Deadline(60), lambda table: False
            ) as copy, tx.conn.engine.connect() as source:
                lacking = fill(source, copy.store.engine, ["address_groups"], Deadline(seconds).left)
                with copy.store.engine.connect() as conn:
                    rows = conn.execute(sa.select(sa.func.count()).select_from(groups)).scalar()
                assert rows == (0 if "address_groups" in lacking else 20_000), seconds
                seen.add(rows)
        assert 20_000 in seen


if engine_name() == "sqlite":

    @pytest.mark.parametrize("room", [3, 0])
    def test_a_full_disk(
        look: Look, store: Store, small_disk: Path, monkeypatch: pytest.MonkeyPatch, room: int
    ) -> None:
        migrate.downgrade(store, "-1")
        assert look(*ONLY)[ID]["status"] == "success"
        (small_disk / "more").write_bytes(bytes(700 * 1024))
        temporary(monkeypatch, small_disk)
        monkeypatch.setattr("heddle.store.examine.scratch.ROOM", room)
        told = look(*ONLY)[ID]
        assert told["status"] == "unknown" and ("MiB free" if room else "full") in told["details"], told

else:

    def test_a_user_who_may_make_no_database(look: Look, store: Store) -> None:
        migrate.downgrade(store, "-1")
        with reader(store) as (url, _):
            look.words = [f"database.url={url}"]
            told = look(*ONLY)[ID]
        assert told["status"] == "unknown" and "denied" in told["details"], told
        assert "CREATEDB" in told["remedy"]

    @pytest.mark.parametrize("most", [0, 2**40])
    def test_a_server_whose_disk_is_not_seen(
        look: Look, store: Store, monkeypatch: pytest.MonkeyPatch, most: int
    ) -> None:
        migrate.downgrade(store, "-1")
        monkeypatch.setattr("heddle.store.examine.storage._here", lambda folder: "")
        monkeypatch.setattr("heddle.store.examine.scratch.UNSEEN", most)
        told = look(*ONLY)[ID]
        assert told["status"] == ("success" if most else "unknown"), told
        assert most or ("not seen from here" in told["details"] and "on the database's server" in told["remedy"])

    if engine_name() == "postgresql":

        def test_what_is_kept_beside_a_table_counts(
            look: Look, store: Store, monkeypatch: pytest.MonkeyPatch
        ) -> None:
            """Of a table with long values nearly nothing is in the table itself."""
            migrate.downgrade(store, "-1")
            monkeypatch.setattr("heddle.store.examine.storage._here", lambda folder: "")
            monkeypatch.setattr("heddle.store.examine.scratch.UNSEEN", 24 * 2**20)
            monkeypatch.setattr("heddle.store.examine.dry_run.SMALL", 2**40)
            assert look(*ONLY)[ID]["status"] == "success"
            with store.engine.begin() as conn:
                conn.exec_driver_sql("CREATE TABLE long (value text)")
                conn.exec_driver_sql("ALTER TABLE long ALTER value SET STORAGE EXTERNAL")
                conn.exec_driver_sql("INSERT INTO long SELECT repeat('x', 1000000) FROM generate_series(1, 30)")
                assert conn.exec_driver_sql("SELECT pg_relation_size('long')").scalar() < 2**20
            told = look(*ONLY)[ID]
            assert told["status"] == "unknown" and "not seen from here" in told["details"], told
            assert int(told["details"].split(" needs ")[1].split()[0]) > 3 * 28, told

    def test_a_slow_statement_is_no_failure_and_the_urls_options_stay(
        look: Look, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = "pg_sleep" if engine_name() == "postgresql" else "sleep"
        one_more(monkeypatch, tmp_path / "migrations", f'op.execute("SELECT {name}(4.5)")')
        monkeypatch.setattr("heddle.store.examine.scratch.PATIENCE", 2)
        if store.url.startswith("postgresql"):
            look.words = [f"database.url={store.url}&options=-c%20lock_timeout%3D7s%20-c%20work_mem%3Dnonsense"]
            assert "work_mem" in look("--only", "database-reachable")["database-reachable"]["details"]
            look.words = []
        told = look(*ONLY)[ID]
        assert told["status"] == "success", told

    @pytest.mark.parametrize("seen", [True, False], ids=["in the URL", "by a pooler"])
    def test_a_connection_that_leads_to_the_database_itself_whatever_was_asked_for(
        look: Look, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: bool
    ) -> None:
        one_more(monkeypatch, tmp_path / "migrations", 'op.drop_table("dns_marks")')
        word = "dbname" if engine_name() == "postgresql" else "database"
        url = sa.make_url(store.url)
        there = url.update_query_dict({word: str(url.database)}).render_as_string(hide_password=False)
        look.words = [f"database.url={there}"]
        if not seen:
            monkeypatch.setattr("heddle.store.examine.scratch._ELSEWHERE", ())
        with store.engine.connect() as conn:
            before = conn.exec_driver_sql("SELECT count(*) FROM counters").scalar()
        told = look(*ONLY)[ID]
        with store.engine.connect() as conn:
            assert conn.exec_driver_sql("SELECT count(*) FROM counters").scalar() == before
            assert sa.inspect(conn).has_table("dns_marks") and migrate.found(conn) != "next"
        if seen:
            assert told["status"] == "failure" and "dns_marks" in told["details"], told
        else:
            assert told["status"] == "unknown" and f"leads to the database {url.database}" in told["details"], told
            assert "pooler" in told["remedy"] and look.code == 255


def test_the_doctor_does_not_ask() -> None:
    from heddle.checks.registry import chosen

    assert ID in {check.id for check in chosen((), ())}
    assert ID not in {check.id for check in chosen((), (), doctor=True)}
