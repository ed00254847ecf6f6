"""Two releases on one database: what the next one expands leaves this one working, what it contracts does not.

The next release is this program with two migrations more.  Each release is a program of its own, started as operators
start it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.engines.servers import discard, new_database

from heddle.store import migrate
from heddle.store.engine import Store

SOURCE = Path(migrate.__file__).parent.parent.parent
ADDS, TAKES = (f"{int(migrate.HEAD) + more:04}" for more in (1, 2))
MIGRATION = '''"""A migration of the next release"""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"
phase = "{phase}"


def upgrade() -> None:
    with op.batch_alter_table("hosts") as batch_op:
        batch_op.{does}


def downgrade() -> None:
    raise NotImplementedError
'''
PLACE = 'add_column(sa.Column("place", sa.String(length=20), nullable=False, server_default=""))'


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """An empty database of the engine that this run is for."""
    found = new_database() or f"sqlite:///{tmp_path / 'm.db'}"
    yield found
    discard(found)


@pytest.fixture(scope="module")
def following(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source of the next release."""
    source = tmp_path_factory.mktemp("next")
    shutil.copytree(SOURCE / "heddle", source / "heddle", ignore=shutil.ignore_patterns("__pycache__"))
    store = source / "heddle" / "store"
    for revision, before, phase, does in ((ADDS, migrate.HEAD, "expand", PLACE),
                                          (TAKES, ADDS, "contract", 'drop_column("datapath")')):  # fmt: skip
        text = MIGRATION.format(revision=revision, before=before, phase=phase, does=does)
        (store / "migrations" / "versions" / f"{revision}_next.py").write_text(text)
    program = (store / "migrate.py").read_text()
    for name, value in (("HEAD", TAKES), ("EXPANDED", ADDS)):
        assert f'\n{name} = "{getattr(migrate, name)}"' in program
        program = program.replace(f'\n{name} = "{getattr(migrate, name)}"', f'\n{name} = "{value}"')
    (store / "migrate.py").write_text(program)
    return source


def heddle(source: Path, url: str, *words: str, code: int = 0) -> str:
    """A command of a release; what it prints."""
    command = [sys.executable, "-m", "heddle.cli.main", "--set", f"database.url={url}", *words]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HEDDLE_")}
    done = subprocess.run(command, env={**environment, "PYTHONPATH": str(source)}, text=True, capture_output=True,
                          cwd=source, timeout=120)  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def columns(url: str) -> set[str]:
    store = Store(url)
    with store.engine.connect() as conn:
        found = {each["name"] for each in sa.inspect(conn).get_columns("hosts")}
    store.close()
    return found


def status(source: Path, url: str, code: int = 0) -> tuple[str, bool, str]:
    """The revision, whether the release works with it, and from which one on programs do."""
    found = json.loads(heddle(source, url, "db", "status", "--json", code=code))
    return found["revision"], found["fits"], found["serves_from"]


def test_a_release_expands_contracts_when_asked_and_shuts_out_who_is_older(url: str, following: Path) -> None:
    floor = migrate.EXPANDED
    heddle(SOURCE, url, "db", "migrate")
    assert status(SOURCE, url) == (migrate.HEAD, True, floor)
    assert status(following, url, code=1) == (migrate.HEAD, False, floor)

    told = heddle(following, url, "db", "migrate", "--expand")
    assert f"at revision {ADDS}, from {migrate.HEAD}" in told and "heddle db migrate --contract" in told
    assert {"place", "datapath"} <= columns(url)
    assert heddle(following, url, "db", "migrate").startswith(f"The schema is at revision {ADDS}, as it was.")
    assert status(following, url) == (ADDS, True, floor)
    assert status(SOURCE, url) == (ADDS, True, floor), "a program of before starts on what was expanded"
    assert "works with it; a newer version has expanded it" in heddle(SOURCE, url, "db", "status")
    assert f"at revision {ADDS}, as it was" in heddle(SOURCE, url, "db", "migrate"), "and leaves it as it is"
    old = Store(url)
    with old.engine.begin() as conn:
        rows = conn.execute(sa.text("SELECT name FROM hosts")).all()
    old.close()
    assert rows == []

    told = heddle(following, url, "db", "migrate", "--contract")
    assert f"at revision {TAKES}, from {ADDS}" in told and "--contract" not in told
    assert "datapath" not in columns(url)
    assert status(following, url) == (TAKES, True, ADDS)
    assert status(SOURCE, url, code=1) == (TAKES, False, ADDS)
    refused = heddle(SOURCE, url, "db", "migrate", code=78)
    assert TAKES in refused and "made by a newer version" in refused and "Traceback" not in refused
    assert "datapath" not in columns(url)


def test_who_reads_what_a_contraction_took_is_shut_out_also_where_the_next_one_failed(
    url: str, following: Path, tmp_path: Path
) -> None:
    """MariaDB keeps the migrations before the one that fails, the others take all of them back."""
    failing = shutil.copytree(following, tmp_path / "failing")
    store = failing / "heddle" / "store"
    last = f"{int(TAKES) + 1:04}"
    text = MIGRATION.format(revision=last, before=TAKES, phase="contract", does='drop_column("nothing")')
    (store / "migrations" / "versions" / f"{last}_next.py").write_text(text)
    program = (store / "migrate.py").read_text()
    (store / "migrate.py").write_text(program.replace(f'\nHEAD = "{TAKES}"', f'\nHEAD = "{last}"'))
    heddle(SOURCE, url, "db", "migrate")
    heddle(failing, url, "db", "migrate", "--expand")
    assert "nothing" in heddle(failing, url, "db", "migrate", "--contract", code=1)
    there = "datapath" in columns(url)
    assert there or new_database() is not None
    assert status(SOURCE, url, code=0 if there else 1)[1] is there


def test_there_is_one_way_at_a_time(url: str) -> None:
    assert "not allowed with" in heddle(SOURCE, url, "db", "migrate", "--expand", "--contract", code=64)
