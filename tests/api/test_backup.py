"""A backup restored into an empty database is the same cloud: on the engine it was made on, and on another."""

from __future__ import annotations

import gzip
import json
import os
import re
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import sqlalchemy as sa
from tests.api.conftest import Cloud
from tests.engines.servers import ENGINES, engine_name, new_database
from tests.fakes.client import Client
from tests.scenarios.test_every_route_refuses import prepare
from tests.scenarios.world import make_world

from heddle.api.app import App
from heddle.api.routes import ROUTES
from heddle.api.server import make_app
from heddle.cli import main as cli
from heddle.config import Settings, load
from heddle.control import sync
from heddle.store import admin, backup, changes, migrate
from heddle.store.backup import LEFT_OUT
from heddle.store.engine import Store
from heddle.view.compile import Compiler
from heddle.view.types import FetchRequest


def settings_of(folder: Path, url: str = "") -> Settings:
    """Of a database in a folder of its own, SQLite if there is no URL."""
    (folder / "state").mkdir(mode=0o700, parents=True, exist_ok=True)
    overrides = [f"paths.{name}={folder / name}" for name in ("state", "run", "log")]
    overrides += [f"database.url={url}", "network.vlan_ranges=public,physnet1:100:109", "server.user="]
    return load(overrides=overrides, environ={})


def heddle(settings: Settings, *words: str) -> int:
    chosen = [f"paths.{name}={getattr(settings.paths, name)}" for name in ("state", "run", "log")]
    url = "" if settings.database_url.startswith("sqlite") else settings.database_url
    chosen += [f"database.url={url}", "server.user="]
    with mock.patch.dict(os.environ):
        os.environ.pop("HEDDLE_TEST_ENGINE", None)  # the program takes it for a setting
        return cli.main([*(word for each in chosen for word in ("--set", each)), *words])


@pytest.fixture
def populated(own_cloud: Cloud) -> tuple[Cloud, list[str]]:
    """A cloud with objects of every resource, and a path for each route that shows something."""
    world = make_world(own_cloud.app, own_cloud.store)
    skip = ("/openapi.json", "/healthz", "/metrics", "/identity/v3/auth/tokens")
    shown = [route for route in ROUTES if route.method == "GET" and route.path not in skip]
    paths = [prepare(world, route)[0] for route in shown]
    owner = own_cloud.tenant()
    own_cloud.admin.put(f"/v2.0/quotas/{owner.project_id}", {"quota": {"port": -1}})
    network, _ = owner.network("10.0.0.0/20")
    owner.bulk("port", [{"network_id": network["id"], "name": f"\N{SNOWMAN}{n}"} for n in range(600)])
    return own_cloud, [*dict.fromkeys(paths)]


def seen(app: App, paths: list[str]) -> dict[str, Any]:
    """What the administrator is shown, with a token of today: the keys of tokens are no part of the database."""
    client = Client(app).log_in("admin", project="admin")
    answers = {path: client.get(path) for path in paths}
    assert {answer.status for answer in answers.values()} <= {200, 204, 300}, [
        (path, answer.body) for path, answer in answers.items() if answer.status not in (200, 204, 300)
    ]
    return {path: in_order(json.loads(answer.body)) if answer.body else None for path, answer in answers.items()}


def each_object(answers: dict[str, Any]) -> list[str]:
    """The path of each object of each list that was shown, where there is one."""
    shown = [re.compile(re.sub("{[a-z_]+}", "[^/]+", route.path)) for route in ROUTES if route.method == "GET"]
    listed = [
        f"{path}/{item['id']}"
        for path, answer in answers.items()
        for items in (answer or {}).values() if isinstance(items, list)
        for item in items if isinstance(item, dict) and "id" in item
    ]  # fmt: skip
    return [path for path in listed if any(route.fullmatch(path) for route in shown)]


def in_order(answer: dict[str, Any]) -> dict[str, Any]:
    """A list that nobody asked an order of has none."""
    return {name: sorted(value, key=json.dumps) if isinstance(value, list) else value for name, value in answer.items()}


@pytest.mark.timeout(300)
def test_every_answer_is_the_same(populated: tuple[Cloud, list[str]], tmp_path: Path) -> None:
    cloud, paths = populated
    seen(cloud.app, paths)  # asked for its automatic topology, a project gets one
    paths = list(dict.fromkeys([*paths, *each_object(seen(cloud.app, paths))]))
    before = seen(cloud.app, paths)
    assert len(before["/v2.0/ports"]["ports"]) > 600 and len(before) > 800
    assert all(before[f"/v2.0/ports/{port['id']}"]["port"] == port for port in before["/v2.0/ports"]["ports"])
    settings = cloud.settings
    engines = ["sqlite"] if engine_name() == "sqlite" else [name for name in ENGINES if name != engine_name()]
    for number, engine in enumerate([*engines, engine_name()]):
        file, url = tmp_path / f"backup{number}", new_database(engine)
        assert heddle(settings, "db", "backup", str(file)) == 0
        settings = settings_of(tmp_path / f"cloud{number}", url)
        assert heddle(settings, "db", "restore", str(file)) == 0
        with closing(Store(settings.database_url)) as store:
            after = seen(make_app(settings, store), paths)
        differences = {path: (before[path], after[path]) for path in paths if before[path] != after[path]}
        assert not differences, next(iter(differences.items()))


def lines_of(file: Path) -> list[Any]:
    with gzip.open(file) as lines:
        return [json.loads(line) for line in lines]


def write_lines(file: Path, lines: list[Any]) -> Path:
    with gzip.open(file, "wb") as out:
        out.writelines(json.dumps(line).encode() + b"\n" for line in lines)
    return file


@pytest.fixture
def saved(own_cloud: Cloud, tmp_path: Path) -> Iterator[tuple[Cloud, Path]]:
    """A cloud with some ports, and its backup."""
    talk = own_cloud.tenant()
    network, _ = talk.network("10.0.0.0/24")
    talk.bulk("port", [{"network_id": network["id"]}] * 3)
    file = tmp_path / "saved"
    assert heddle(own_cloud.settings, "db", "backup", str(file)) == 0
    yield own_cloud, file


def rows(url: str) -> dict[str, int]:
    """Of all tables that backups hold."""
    with closing(Store(url)) as store:
        found = admin.counts(store) if migrate.current(store) else {}
    return {name: count for name, count in found.items() if name not in LEFT_OUT}


def test_a_backup_is_only_for_its_owner(saved: tuple[Cloud, Path], capsys: pytest.CaptureFixture[str]) -> None:
    cloud, file = saved
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert heddle(cloud.settings, "db", "backup", str(file)) == 1
    assert "exists" in capsys.readouterr().err
    assert sum(rows(cloud.settings.database_url).values()) == sum(lines_of(file)[0]["rows"].values())


def test_what_is_not_whole_is_not_restored(
    saved: tuple[Cloud, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, file = saved
    lines, whole = lines_of(file), file.read_bytes()
    row = next(number for number, line in enumerate(lines) if isinstance(line, list))
    header = lines[0]
    bad = {
        "cut": whole[:-200],
        "empty": b"",
        "text": b"no backup at all",
        "database": b"SQLite format 3\0" + b"x" * 5000,
        "other": write_lines(tmp_path / "x1", [{"something": "else"}]).read_bytes(),
        "format": write_lines(tmp_path / "x2", [{**header, "heddle_backup": 99}, *lines[1:]]).read_bytes(),
        "newer": write_lines(tmp_path / "x3", [{**header, "schema": "9999"}, *lines[1:]]).read_bytes(),
        "no end": write_lines(tmp_path / "x4", lines[:-1]).read_bytes(),
        "checksum": bytes([*whole[:-8], whole[-8] ^ 1, *whole[-7:]]),
        "header": write_lines(tmp_path / "x6", [{"heddle_backup": 1}]).read_bytes(),
        "more": whole + write_lines(tmp_path / "x7", [{"end": 0}]).read_bytes(),
        "columns": write_lines(
            tmp_path / "x8", [*lines[:row], [each[:-1] for each in lines[row]], *lines[row + 1 :]]
        ).read_bytes(),
        "rows lost": write_lines(tmp_path / "x5", [*lines[:row], *lines[row + 1 :]]).read_bytes(),
    }
    for place in range(20, len(whole) - 8, len(whole) // 8):
        bad[f"a bit at {place}"] = bytes([*whole[:place], whole[place] ^ 1, *whole[place + 1 :]])
    for name, content in bad.items():
        broken = tmp_path / "broken"
        broken.write_bytes(content)
        into = settings_of(tmp_path / f"into-{name}", new_database(engine_name()))
        assert heddle(into, "db", "restore", str(broken)) == 1, name
        text = capsys.readouterr().err
        assert str(broken) in text and ("newer" in text or "not a" in text), text
        assert not list(Path(into.paths.state).iterdir())
        assert engine_name() == "sqlite" or not rows(into.database_url)
    assert heddle(into, "db", "restore", str(file)) == 0, "into the same database, the whole one"
    assert sum(rows(into.database_url).values()) == sum(header["rows"].values())


def test_what_is_there_is_kept(saved: tuple[Cloud, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A server's database must be empty; the embedded one stays beside the new one."""
    cloud, file = saved
    talk = cloud.tenant()
    made = talk.create("network", name="after the backup")
    assert made["id"] in talk.ids("network")
    before = rows(cloud.settings.database_url)
    code = heddle(cloud.settings, "db", "restore", str(file))
    if engine_name() == "sqlite":
        kept = Path(cloud.settings.paths.state) / "heddle.db.before-restore"
        assert code == 0 and str(kept) in capsys.readouterr().out
        assert rows(f"sqlite:///{kept}") == before != rows(cloud.settings.database_url)
        assert heddle(cloud.settings, "db", "restore", str(file)) == 0
        assert f"{kept}2" in capsys.readouterr().out
        assert rows(f"sqlite:///{kept}") == before, "the second restore leaves what the first one kept"
    else:
        assert code == 1 and "not empty" in capsys.readouterr().err
        assert rows(cloud.settings.database_url) == before


def test_a_schema_that_nobody_used_counts_as_empty(saved: tuple[Cloud, Path], tmp_path: Path) -> None:
    cloud, file = saved
    into = settings_of(tmp_path / "into", new_database(engine_name()))
    assert heddle(into, "db", "migrate") == 0
    assert heddle(into, "db", "restore", str(file)) == 0
    assert rows(into.database_url) == rows(cloud.settings.database_url)


def test_an_empty_database_of_a_newer_program(
    saved: tuple[Cloud, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is lost there, but nobody here knows how to take its tables away; the embedded one is made anew."""
    cloud, file = saved
    into = settings_of(tmp_path / "into", new_database(engine_name()))
    assert heddle(into, "db", "migrate") == 0
    with closing(Store(into.database_url)) as store, store.engine.begin() as conn:
        conn.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    code = heddle(into, "db", "restore", str(file))
    if engine_name() == "sqlite":
        assert code == 0 and rows(into.database_url) == rows(cloud.settings.database_url)
    else:
        text = capsys.readouterr().err
        assert code == 1 and "9999" in text and "make an empty database" in text


def test_somebody_who_writes_during_a_restore(saved: tuple[Cloud, Path], tmp_path: Path) -> None:
    """The restore is undone, and what they wrote stays; on SQLite they are kept out."""
    cloud, file = saved
    url = new_database(engine_name()) or f"sqlite:///{tmp_path / 'into.db'}"
    told: list[str] = []

    def write(*_: object) -> None:
        if not told:
            with closing(Store(f"{url}?timeout=0.1" if engine_name() == "sqlite" else url)) as other:
                try:
                    with other.engine.begin() as conn:
                        conn.execute(sa.text("INSERT INTO quotas VALUES (:p, :r, 5)"), {"p": "somebody", "r": "elses"})
                    told.append("written")
                except sa.exc.OperationalError as error:
                    told.append(str(error.orig))

    with closing(Store(url)) as store, file.open("rb") as content:
        if engine_name() == "sqlite":
            backup.restore(store, content, "the backup", write)
            assert "locked" in told[0] and rows(url) == rows(cloud.settings.database_url)
        else:
            with pytest.raises(backup.BackupError, match="quotas has 1 rows instead of 0"):
                backup.restore(store, content, "the backup", write)
            assert told == ["written"] and rows(url)["quotas"] == 1 and rows(url)["ports"] == 0


def test_a_backup_is_of_one_moment(own_cloud: Cloud, tmp_path: Path) -> None:
    """Ports come and go meanwhile: in each backup there are as many as are counted."""
    counted = (
        "SELECT sum(used) FROM quota_usage WHERE resource = 'port'",
        "SELECT count(*) FROM ports",
        "SELECT count(*) FROM ip_allocations",
    )
    talk, stop = own_cloud.tenant(), threading.Event()
    network, _ = talk.network("10.0.0.0/20")

    def change() -> None:
        while not stop.is_set():
            made = talk.bulk("port", [{"network_id": network["id"]}] * 5)
            talk.delete("port", made[0]["id"])

    writer = threading.Thread(target=change)
    own_cloud.admin.put(f"/v2.0/quotas/{talk.project_id}", {"quota": {"port": -1}})
    talk.port(network)
    writer.start()
    try:
        for number in range(3):
            file = tmp_path / f"moment{number}"
            assert heddle(own_cloud.settings, "db", "backup", str(file)) == 0
            into = settings_of(tmp_path / f"into{number}", new_database(engine_name()))
            assert heddle(into, "db", "restore", str(file)) == 0
            with closing(Store(into.database_url)) as store, store.read() as tx:
                used, ports, addresses = (tx.conn.execute(sa.text(query)).scalar_one() for query in counted)
            assert used == ports == addresses
    finally:
        stop.set()
        writer.join()


def test_hosts_compare_all_that_they_have(saved: tuple[Cloud, Path], tmp_path: Path) -> None:
    """A host that heard of more than the backup knows gets its scopes whole: its revision is of another history."""
    cloud, file = saved
    with cloud.store.read() as tx:
        before = changes.current_revision(tx.conn)
    into = settings_of(tmp_path / "into", new_database(engine_name()))
    assert heddle(into, "db", "restore", str(file)) == 0
    with closing(Store(into.database_url)) as store:
        with store.read() as tx:
            now = changes.current_revision(tx.conn)
            assert changes.forgotten_revision(tx.conn) == now > before + 100_000
        request = FetchRequest(host="host1", revision=before + 7, scopes=["host:host1"])
        reply = sync.fetch(store, Compiler(), request)
    assert reply.revision == now and "host:host1" in {news.scope for news in reply.scopes if news.whole}


def test_an_older_backup_is_brought_up_to_date(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = settings_of(tmp_path / "old", new_database(engine_name()))
    with closing(Store(old.database_url)) as store:
        migrate.upgrade(store, "0015")
        known = sa.MetaData()
        known.reflect(store.engine)
        with store.engine.begin() as conn:
            conn.execute(sa.insert(known.tables["quotas"]), [{"project_id": "p", "resource": "port", "limit": 7}])
            content = {
                name: (list(table.columns.keys()), [list(row) for row in conn.execute(sa.select(table))])
                for name, table in known.tables.items() if name != backup.VERSION_TABLE
            }  # fmt: skip
        assert heddle(old, "db", "backup", str(tmp_path / "refused")) == 1
        assert "heddle db migrate" in capsys.readouterr().err
    header = {"heddle_backup": 1, "schema": "0015", "made": "2026-01-31T00:00:00Z", "engine": "x",
              "rows": {name: len(found) for name, (_, found) in content.items()}}  # fmt: skip
    body = [line for name, (columns, found) in content.items()
            for line in ({"table": name, "columns": columns}, *([found] if found else []))]  # fmt: skip
    file = write_lines(tmp_path / "file", [header, *body, {"end": sum(header["rows"].values())}])
    into = settings_of(tmp_path / "into", new_database(engine_name()))
    assert heddle(into, "db", "restore", str(file)) == 0
    with closing(Store(into.database_url)) as store:
        assert migrate.current(store) == migrate.HEAD
        with store.read() as tx:
            assert tx.conn.execute(sa.text("SELECT count(*) FROM quotas WHERE project_id = 'p'")).scalar_one() == 1
