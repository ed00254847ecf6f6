"""Engines, encodings, sizes and numbers of tables; the limits are pure."""

from __future__ import annotations

import pytest
from tests.checks.conftest import Look, differing
from tests.engines.servers import engine_name

from heddle.checks.base import Level
from heddle.checks.limits import grade, table_fills
from heddle.store.engine import Store
from heddle.store.examine.storage import Storage, Table

TERABYTE = 2**40


def run(store: Store, *statements: str) -> None:
    with store.engine.begin() as conn:
        for statement in statements:
            conn.exec_driver_sql(statement)


def test_a_cloud_that_is_well(look: Look, store: Store) -> None:
    found = look()
    assert found["database-engine"]["status"] == found["database-sizes"]["status"] == "success"
    assert "the fullest: " in found["database-sizes"]["evidence"]
    assert found["database-numbers"]["status"] == "not_applicable"


@pytest.mark.parametrize(
    ("kind", "page", "pages", "apart", "engine", "limit"),
    [
        ("mariadb", 16384, 2**32, True, "InnoDB", 64 * TERABYTE),
        ("mariadb", 4096, 2**32, True, "InnoDB", 16 * TERABYTE),
        ("postgresql", 8192, 2**32, True, "", 32 * TERABYTE),
        ("sqlite", 4096, 2**32 - 2, False, "SQLite", 16 * TERABYTE),
        ("mariadb", 16384, 2**32, True, "ISAM", 4 * 2**30),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("share", "level"), [(0.6, Level.SUCCESS), (0.75, Level.WARNING), (0.95, Level.FAILURE)])
def test_limits_of_engines(
    kind: str, page: int, pages: int, apart: bool, engine: str, limit: int, share: float, level: Level
) -> None:
    table = Table("ports", engine, int(limit * share))
    (fill,) = table_fills(Storage(kind, page, pages, "x", apart, tables=[table]))
    assert fill.limit == pytest.approx(limit, rel=1e-6) and grade(fill) == level


def test_a_shared_tablespace_is_filled_by_all_and_myisam_by_its_pointers() -> None:
    tables = [Table("a", "InnoDB", 30 * TERABYTE), Table("b", "InnoDB", 30 * TERABYTE)]
    shared = table_fills(Storage("mariadb", 16384, 2**32, "x", False, tables=tables))
    assert [grade(fill) for fill in shared] == [Level.FAILURE]
    apart = table_fills(Storage("mariadb", 16384, 2**32, "x", True, tables=tables))
    assert {grade(fill) for fill in apart} == {Level.SUCCESS} and len(apart) == 2
    (mine,) = table_fills(Storage("mariadb", 16384, 2**32, "x", tables=[Table("m", "MyISAM", 250, longest=256)]))
    assert mine.limit == 256 and grade(mine) == Level.FAILURE


def test_a_table_of_myisam(look: Look, store: Store) -> None:
    if engine_name() != "mariadb":
        assert look("--only", "database-engine")["database-engine"]["status"] == "success"
        return
    before = look()
    run(store, "CREATE TABLE mine (id INT NOT NULL PRIMARY KEY) ENGINE=MyISAM")
    found = look()
    assert differing(before, found) == {"database-engine", "database-drift"}
    told = found["database-engine"]
    assert told["status"] == "warning" and "table mine is of MyISAM" in told["details"], told


def test_an_encoding_that_is_not_unicode(look: Look, store: Store) -> None:
    if engine_name() == "mariadb":
        run(store, "CREATE TABLE mine (name VARCHAR(9) NOT NULL PRIMARY KEY) CHARACTER SET latin1")
        told = look()["database-engine"]
        assert told["status"] == "failure" and "mine.name: text of it is in latin1" in told["details"], told
    elif engine_name() == "sqlite":
        told = look("--only", "database-engine")["database-engine"]
        assert "UTF-8" in told["details"]


NUMBERED = {
    "sqlite": ("CREATE TABLE mine (id INTEGER PRIMARY KEY AUTOINCREMENT)", "INSERT INTO mine VALUES ({})", 2**63 - 1),
    "postgresql": ("CREATE TABLE mine (id SERIAL PRIMARY KEY)", "SELECT setval('mine_id_seq', {})", 2**31 - 1),
    "mariadb": ("CREATE TABLE mine (id SMALLINT AUTO_INCREMENT PRIMARY KEY)", "INSERT INTO mine VALUES ({})", 32767),
}


@pytest.mark.parametrize(("share", "status"), [(0.5, "success"), (0.8, "warning"), (0.95, "failure")])
def test_numbers_that_run_out(look: Look, store: Store, share: float, status: str) -> None:
    create, fill, most = NUMBERED[engine_name()]
    run(store, create, fill.format(int(most * share)))
    told = look("--only", "database-numbers")["database-numbers"]
    assert told["status"] == status and "mine" in told["evidence"], told
