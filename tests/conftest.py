"""What tests of several rooms share: settings and a database of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from heddle.config import Settings, load
from heddle.store import migrate
from heddle.store.engine import Store
from heddle.store.tables import METADATA, counters


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """All folders below the test's own."""
    overrides = [f"paths.{name}={tmp_path / name}" for name in ("state", "run", "log")]
    (tmp_path / "state").mkdir(mode=0o700)
    return load(overrides=overrides, environ={})


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """An empty database with the schema."""
    made = Store(settings.database_url)
    create_schema(made)
    yield made
    made.close()


def create_schema(store: Store) -> None:
    if any((Path(migrate.__file__).parent / "migrations" / "versions").glob("*.py")):
        migrate.upgrade(store)
        return
    METADATA.create_all(store.engine)
    with store.engine.begin() as conn:
        conn.execute(sa.insert(counters), [{"name": "revision", "value": 0}, {"name": "forgotten", "value": 0}])
