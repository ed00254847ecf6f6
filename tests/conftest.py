"""What tests of several rooms share: settings and a database of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from tests.engines.schema import fill
from tests.engines.servers import discard, new_database
from tests.fakes.client import PASSWORD, People
from tests.schedule import HostsTogether

from heddle.api.app import App
from heddle.api.server import make_app
from heddle.config import Settings, load
from heddle.control.identity.bootstrap import bootstrap
from heddle.store.engine import Store

# How long an example takes says nothing on a machine that does other work too.
hypothesis_settings.register_profile("heddle", deadline=None)
hypothesis_settings.load_profile("heddle")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> HostsTogether:
    return HostsTogether(config, log)


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """All folders below the test's own."""
    overrides = [f"paths.{name}={tmp_path / name}" for name in ("state", "run", "log")]
    (tmp_path / "state").mkdir(mode=0o700)
    made = load(overrides=[*overrides, f"database.url={new_database()}"], environ={})
    yield made
    discard(made.database_url)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """An empty database with the schema."""
    fill(settings.database_url)
    made = Store(settings.database_url)
    yield made
    made.close()


@pytest.fixture
def app(store: Store, settings: Settings) -> App:
    """The application on that database, with an administrator."""
    bootstrap(store, PASSWORD, settings)
    return make_app(settings, store)


@pytest.fixture
def people(app: App) -> People:
    return People(app)
