"""The migrations: up, down and up again, and what they make is what the tables declare."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from tests.engines.servers import discard, new_database

from heddle.errors import ConfigError
from heddle.store import migrate, tables
from heddle.store.engine import Store


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Store]:
    """An empty database of the engine that this run is for."""
    url = new_database() or f"sqlite:///{tmp_path / 'm.db'}"
    store = Store(url)
    yield store
    store.close()
    discard(url)


def _differences(store: Store) -> list[Any]:
    with store.engine.connect() as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, tables.METADATA))


def _run(store: Store, direction: Any, target: str) -> None:
    with store.engine.begin() as conn:
        direction(migrate.config(conn), target)


def _rows(store: Store) -> dict[str, int]:
    with store.engine.connect() as conn:
        names = [name for name in sa.inspect(conn).get_table_names() if name != "alembic_version"]
        return {name: conn.execute(sa.text(f"SELECT count(*) FROM {name}")).scalar_one() for name in names}


def around(name: str) -> tuple[str, str]:
    """The revisions before and after the migration whose file has this name."""
    for script in ScriptDirectory.from_config(migrate.config()).walk_revisions():
        if script.path.endswith(f"_{name}.py"):
            return str(script.down_revision), script.revision
    raise LookupError(name)


def test_up_down_up(empty: Store) -> None:
    migrate.upgrade(empty)
    assert _differences(empty) == []
    first = _rows(empty)
    assert first["counters"] >= 3
    migrate.upgrade(empty)
    assert _rows(empty) == first
    _run(empty, command.downgrade, "base")
    assert _rows(empty) == {} and migrate.current(empty) is None
    migrate.upgrade(empty)
    assert _differences(empty) == [] and _rows(empty) == first


def test_each_step_goes_down_and_up_again(empty: Store) -> None:
    steps = [script.revision for script in ScriptDirectory.from_config(migrate.config()).walk_revisions()][::-1]
    for revision in steps:
        _run(empty, command.upgrade, revision)
        _run(empty, command.downgrade, "-1")
        _run(empty, command.upgrade, revision)
    assert migrate.current(empty) == migrate.HEAD and _differences(empty) == []


def test_the_segment_of_each_network_survives(empty: Store) -> None:
    """A network's segment went from its own row to one of its own, and comes back."""
    before, after = around("segments")
    provider = ("vlan", "physnet1", 7)
    _run(empty, command.upgrade, before)
    names = {"id": "n", "project_id": "p", "description": "", "revision_number": 1, "created_at": "t",
             "updated_at": "t", "tags": "[]", "name": "net", "admin_state_up": True, "shared": False,
             "status": "ACTIVE", "router_external": False, "mtu": 1500, "port_security_enabled": True, "dns_domain": "",
             "provider_network_type": "vlan", "provider_physical_network": "physnet1",
             "provider_segmentation_id": 7}  # fmt: skip
    networks = sa.table("networks", *map(sa.column, names))
    with empty.engine.begin() as conn:
        conn.execute(sa.insert(networks).values(names))
        conn.execute(sa.insert(networks).values(names | {
            "id": "l", "provider_network_type": "local", "provider_physical_network": None,
            "provider_segmentation_id": None,
        }))  # fmt: skip
    _run(empty, command.upgrade, after)
    with empty.engine.connect() as conn:
        rows = conn.execute(sa.text(
            "SELECT network_id, network_type, physical_network, segmentation_id, name, position FROM networksegments "
            "ORDER BY network_id")).all()  # fmt: skip
    assert [tuple(row) for row in rows] == [("l", "local", None, None, None, 0), ("n", *provider, None, 0)]
    _run(empty, command.downgrade, before)
    with empty.engine.connect() as conn:
        found = conn.execute(sa.select(networks).order_by(networks.c.id)).all()
    assert [tuple(row[-3:]) for row in found] == [("local", None, None), provider]


def test_servers_that_start_at_once_migrate_once(empty: Store) -> None:
    """Whoever waited sees all that the first has done, however slowly that is committed."""
    stores = [Store(empty.url) for _ in range(3)]
    for store in stores:
        sa.event.listen(store.engine, "commit", lambda conn: time.sleep(0.3))
    with ThreadPoolExecutor(len(stores)) as pool:
        for done in [pool.submit(migrate.upgrade, store) for store in stores]:
            done.result(timeout=60)
    assert migrate.current(empty) == migrate.HEAD
    for store in stores:
        store.close()


def test_a_newer_database_is_left_alone(empty: Store) -> None:
    """One that serves only newer programs is refused; one that was expanded for them is worked with."""
    migrate.upgrade(empty)
    with empty.engine.begin() as conn:
        conn.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    migrate.upgrade(empty)
    with empty.engine.begin() as conn:
        conn.execute(sa.text("UPDATE counters SET value = 9998 WHERE name = 'schema_floor'"))
    with pytest.raises(ConfigError, match="9999"):
        migrate.upgrade(empty)
    assert migrate.current(empty) == "9999"


def test_the_program_expects_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(migrate.config()).get_current_head() == migrate.HEAD


def test_hosts_are_told_anew_of_everything_where_there_are_policies(empty: Store) -> None:
    """What was told before says nothing of policies; without any there is nothing to tell."""
    before, after = around("policies_told_to_hosts")
    _run(empty, command.upgrade, before)

    def counted() -> dict[str, int]:
        with empty.engine.connect() as conn:
            rows = conn.execute(sa.text("SELECT name, value FROM counters WHERE name IN ('revision', 'forgotten')"))
            return {row[0]: row[1] for row in rows}

    assert counted() == {"revision": 1, "forgotten": 0}
    _run(empty, command.upgrade, after)
    assert counted() == {"revision": 1, "forgotten": 0}
    _run(empty, command.downgrade, before)
    values = dict.fromkeys(("project_id", "description", "created_at", "updated_at", "name"), "p")
    with empty.engine.begin() as conn:
        policies = sa.Table("qos_policies", sa.MetaData(), autoload_with=conn)
        row = {**values, "id": "gold", "revision_number": 1, "tags": "[]", "is_default": False}
        conn.execute(sa.insert(policies), [row])
    _run(empty, command.upgrade, after)
    assert counted() == {"revision": 2, "forgotten": 2}
    with empty.engine.connect() as conn:
        told = conn.execute(sa.text("SELECT scope, kind, id, revision FROM changes")).all()
    assert [tuple(row) for row in told] == [("qos:gold", "qos_policy", "gold", 2)]


def test_a_shared_qos_policy_stays_shared(empty: Store) -> None:
    """By its column before, by an RBAC entry that counts in its project's quota afterwards."""
    scripts = ScriptDirectory.from_config(migrate.config()).walk_revisions()
    step = next(script for script in scripts if "a QoS policy is shared" in script.doc)
    before = str(step.down_revision)
    _run(empty, command.upgrade, before)
    values = dict.fromkeys(("project_id", "description", "created_at", "updated_at", "name"), "p")
    values |= {"revision_number": 1, "tags": "[]", "is_default": False}
    with empty.engine.begin() as conn:
        policies = sa.Table("qos_policies", sa.MetaData(), autoload_with=conn)
        conn.execute(sa.insert(policies), [{**values, "id": str(n), "shared": n == 1} for n in (1, 2)])

    def seen(query: str) -> list[Any]:
        with empty.engine.connect() as conn:
            return [tuple(row) for row in conn.execute(sa.text(query))]

    for _ in range(2):
        _run(empty, command.upgrade, step.revision)
        assert seen("SELECT object_type, object_id, action, target_tenant, project_id FROM rbac_policies") == [
            ("qos_policy", "1", "access_as_shared", "*", "p")
        ]
        assert seen("SELECT project_id, resource, used FROM quota_usage") == [("p", "rbac_policy", 1)]
        _run(empty, command.downgrade, before)
        assert [bool(row[0]) for row in seen("SELECT shared FROM qos_policies ORDER BY id")] == [True, False]
        assert seen("SELECT id FROM rbac_policies") == []
        assert seen("SELECT used FROM quota_usage") == [(0,)]


def test_servers_of_the_version_before_go_on_writing(empty: Store) -> None:
    """They name no column that came later: it is empty in what they make."""
    later = {"floatingips": ["host"], "hosts": ["availability_zone"], "ports": ["binding_refusal"],
             "networks": ["pvlan", "subnet_isolation"]}  # fmt: skip
    migrate.upgrade(empty)
    with empty.engine.begin() as conn:
        for name, columns in later.items():
            table = sa.Table(name, sa.MetaData(), autoload_with=conn)
            needed = [each for each in table.columns if not each.nullable and each.name not in columns]
            values = ((sa.Boolean, False), (sa.Integer, 0), (sa.String, "x"))
            plain = {each.name: next(v for kind, v in values if isinstance(each.type, kind)) for each in needed}
            conn.execute(sa.insert(sa.table(name, *map(sa.column, plain))), [plain])
            found = conn.execute(sa.select(*(table.c[column] for column in columns))).all()
            assert found in ([("",)], [(False, False)]), found
