"""Each migration either expands, and then no server of the release before notices it, or says that it contracts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import Script, ScriptDirectory
from tests.engines.servers import discard, new_database
from tests.unit.expand import broken, rewritten, schema

from heddle.store import migrate
from heddle.store.engine import Store

ADVICE = (
    "An expansion only adds (docs/upgrade.md).  Give a new column a server default or let it be NULL; leave what older "
    "servers read as it is, and take it away in a migration of a later release with phase = \"contract\"."
)
FIRST = "no release before this one has been given to anybody"
MENDED = "a later migration of the same release gives the column its default, and both are run in one go"
# Migrations that break the law, each with what it breaks and why it stands.
STANDS = {
    "0005": ({"column ports.propagate_uplink_status is new, NOT NULL, and has no server default"}, FIRST),
    "0009": ({f"column networks.provider_{name} is dropped or renamed" for name in (
        "network_type", "physical_network", "segmentation_id")}, FIRST),
    "0011": ({f"column {name} is dropped or renamed" for name in (
        "address_scopes.shared", "networks.router_external", "networks.shared", "subnetpools.shared")}, FIRST),
    "0012": ({f"column {name} is new, NOT NULL, and has no server default" for name in (
        "networks.is_default", "ports.dns_domain", "ports.dns_zone", "subnets.dns_publish_fixed_ip")}, FIRST),
    "0013": ({f"column {name}.availability_zone_hints is new, NOT NULL, and has no server default" for name in (
        "networks", "routers")}, FIRST),
    "0016": ({"column qos_policies.shared is dropped or renamed"}, FIRST),
    "0022": ({"column agents.alive is new, NOT NULL, and has no server default"}, FIRST),
    "0023": ({f"column {name} is new, NOT NULL, and has no server default" for name in (
        "changes.committed_at", "hosts.latencies")}, FIRST),
    "0030": ({f"column networks.{name} is new, NOT NULL, and has no server default" for name in (
        "pvlan", "subnet_isolation")}, MENDED),
    "0031": ({"what is in ports.device_owner is changed"},
             "servers of the release before do not forward for routers that are marked as distributed, and do not find "
             "their interfaces any more: those are not to be changed until the servers are exchanged"),
    "0032": ({"column ports.binding_refusal is new, NOT NULL, and has no server default"}, MENDED),
    "0033": ({"column hosts.availability_zone is new, NOT NULL, and has no server default"}, MENDED),
}  # fmt: skip
RELEASED = "0026"  # where the release before is


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Store]:
    """An empty database of the engine that this run is for."""
    url = new_database() or f"sqlite:///{tmp_path / 'm.db'}"
    store = Store(url)
    yield store
    store.close()
    discard(url)


def scripts() -> list[Script]:
    return list(ScriptDirectory.from_config(migrate.config()).walk_revisions())[::-1]


def contracts(script: Script) -> bool:
    phase = getattr(script.module, "phase", "expand")
    assert phase in ("expand", "contract"), f"{script.path}: phase is {phase!r}; there are \"expand\" and \"contract\""
    return bool(phase == "contract")


def test_what_expands_is_not_noticed_by_servers_of_the_release_before(empty: Store) -> None:
    found: dict[str, set[str]] = {}
    for script in scripts():
        known = schema(empty)
        with rewritten(empty, known) as data, empty.engine.begin() as conn:
            command.upgrade(migrate.config(conn), script.revision)
        breaks = broken(known, schema(empty)) | data
        if breaks and not contracts(script):
            found[script.revision] = breaks
    for revision, breaks in found.items():
        expected = STANDS.get(revision, (set[str](), ""))[0]
        assert breaks <= expected, f"migration {revision}: {sorted(breaks - expected)}\n{ADVICE}"
    assert found == {revision: breaks for revision, (breaks, _) in STANDS.items()}, "STANDS lists what does not happen"


def test_all_that_expands_since_the_release_before_together(empty: Store) -> None:
    """What one migration does and the next mends is done: servers see the end of it."""
    migrate.upgrade(empty, RELEASED)
    known = schema(empty)
    migrate.upgrade(empty)
    assert broken(known, schema(empty)) == set()


def test_contractions_come_last() -> None:
    """So that a program says by one revision what it needs, and all that follows may wait."""
    last = [script.revision for script in scripts() if not contracts(script)][-1]
    assert last == migrate.EXPANDED, f"EXPANDED in store/migrate.py is to be {last}"
    assert scripts()[-1].revision == migrate.HEAD


@pytest.mark.parametrize(("statement", "says"), [
    ("ALTER TABLE rooms DROP COLUMN colour", {"column rooms.colour is dropped or renamed"}),
    ("ALTER TABLE rooms RENAME COLUMN colour TO tint", {"column rooms.colour is dropped or renamed"}),
    ("ALTER TABLE rooms RENAME TO halls", {"table rooms is dropped or renamed"}),
    ("DROP TABLE rooms", {"table rooms is dropped or renamed"}),
    ("ALTER TABLE rooms ADD COLUMN size INTEGER DEFAULT 0 NOT NULL", set()),
    ("ALTER TABLE rooms ADD COLUMN size INTEGER", set()),
    ("CREATE UNIQUE INDEX once ON rooms (colour)", {"table rooms refuses equal colour"}),
    ("CREATE INDEX seen ON rooms (colour)", set()),
    ("UPDATE rooms SET colour = 'red', id = id WHERE id = 1",
     {"what is in rooms.colour is changed", "what is in rooms.id is changed"}),
    ("DELETE FROM rooms WHERE id = 1", {"rows of rooms are removed"}),
])  # fmt: skip
def test_the_law_sees(empty: Store, statement: str, says: set[str]) -> None:
    with empty.engine.begin() as conn:
        conn.exec_driver_sql("CREATE TABLE rooms (id INTEGER NOT NULL PRIMARY KEY, colour VARCHAR(20))")
    known = schema(empty)
    with rewritten(empty, known) as data, empty.engine.begin() as conn:
        conn.exec_driver_sql(statement)
    assert broken(known, schema(empty)) | data == says


@pytest.mark.parametrize(("kind", "column", "says"), [
    (sa.String(20), sa.Column("colour", sa.String(9)), "column rooms.colour is narrowed from VARCHAR(20) to "
                                                        "VARCHAR(9)"),
    (sa.String(20), sa.Column("colour", sa.String(30)), ""),
    (sa.String(20), sa.Column("colour", sa.Text()), ""),
    (sa.Text(), sa.Column("colour", sa.String(20)), "column rooms.colour is narrowed from TEXT to VARCHAR(20)"),
    (sa.BigInteger(), sa.Column("colour", sa.Integer()), "column rooms.colour is narrowed from BIGINT to INTEGER"),
    (sa.String(20), sa.Column("colour", sa.BigInteger()), "column rooms.colour changes its type from VARCHAR(20) to "
                                                          "BIGINT"),
    (sa.String(20), sa.Column("colour", sa.String(20), nullable=False), "column rooms.colour becomes NOT NULL"),
    (sa.String(20), sa.Column("colour", sa.String(20), sa.CheckConstraint("colour <> ''")), "table rooms has a new "
                                                                                          "condition: colour <> ''"),
])  # fmt: skip
def test_the_law_sees_columns_that_are_made_anew(tmp_path: Path, kind: sa.types.TypeEngine[object],
                                                 column: sa.Column[object], says: str) -> None:  # fmt: skip
    tables = {}
    for name, each in (("before", sa.Column("colour", kind)), ("after", column._copy())):
        store = Store(f"sqlite:///{tmp_path / name}.db")
        sa.Table("rooms", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), each).create(store.engine)
        tables[name] = schema(store)
        store.close()
    assert broken(tables["before"], tables["after"]) == ({says} if says else set())
