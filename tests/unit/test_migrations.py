"""The migrations: up, down and up again, and what they make is what the tables declare."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from tests.engines.servers import new_database

from heddle.errors import ConfigError
from heddle.store import migrate, tables
from heddle.store.engine import Store


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Store]:
    """An empty database of the engine that this run is for."""
    store = Store(new_database() or f"sqlite:///{tmp_path / 'm.db'}")
    yield store
    store.close()


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


def test_a_newer_database_is_left_alone(empty: Store) -> None:
    migrate.upgrade(empty)
    with empty.engine.begin() as conn:
        conn.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigError, match="9999"):
        migrate.upgrade(empty)


def test_the_program_expects_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(migrate.config()).get_current_head() == migrate.HEAD
