"""The administrator of several servers on one database: one of them has his password, and no start changes it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from heddle.cli import bootstrap as command
from heddle.cli import main as cli
from heddle.cli.credentials import read_clouds
from heddle.config import load
from heddle.control.identity import bootstrap, passwords
from heddle.store.engine import Store
from heddle.store.query import identity as q


def words(folder: Path, name: str) -> list[str]:
    (folder / name).mkdir(exist_ok=True)
    (folder / "database").mkdir(exist_ok=True)
    settings = [f"paths.{each}={folder / name / each}" for each in ("state", "run", "log")]
    settings += [f"database.url=sqlite:///{folder}/database/heddle.db", "server.user="]
    return [word for each in settings for word in ("--set", each)]


def known(folder: Path, password: str) -> bool:
    store = Store(f"sqlite:///{folder}/database/heddle.db")
    with store.read() as tx:
        user = q.user_named(tx, "default", "admin")
    store.close()
    return user is not None and passwords.verify(user.password_hash, password)


def test_the_second_server_leaves_the_password(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*words(tmp_path, "one"), "bootstrap"]) == 0
    password = read_clouds(tmp_path / "one" / "state" / "clouds.yaml")["admin"].password
    assert known(tmp_path, password) and "credentials are in" in capsys.readouterr().out
    assert cli.main([*words(tmp_path, "two"), "bootstrap"]) == 0
    assert "another server has his credentials" in capsys.readouterr().out
    assert known(tmp_path, password) and not (tmp_path / "two" / "state" / "clouds.yaml").exists()
    assert cli.main([*words(tmp_path, "two"), "bootstrap", "--reset"]) == 0
    again = read_clouds(tmp_path / "two" / "state" / "clouds.yaml")["admin"].password
    assert again != password and known(tmp_path, again)


def test_who_comes_second_in_a_race_keeps_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli.main([*words(tmp_path, "one"), "bootstrap"]) == 0
    password = read_clouds(tmp_path / "one" / "state" / "clouds.yaml")["admin"].password
    monkeypatch.setattr(bootstrap, "exists", lambda store: False)
    overrides = [word for word in words(tmp_path, "two") if word != "--set"]
    (tmp_path / "two" / "state").mkdir(mode=0o700)
    command.prepare(load(overrides=overrides, environ={}))
    assert known(tmp_path, password)
    assert not list((tmp_path / "two" / "state").glob("clouds.yaml")) + list((tmp_path / "two").glob("*/admin-openrc"))


def test_servers_that_share_a_folder_and_start_at_once(tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "heddle.cli.main", *words(tmp_path, "shared"), "bootstrap"]
    environment = {**os.environ, "PYTHONPATH": str(Path(command.__file__).parents[2])}
    environment = {name: text for name, text in environment.items() if not name.startswith("HEDDLE_")}
    racers = [subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [racer.wait(60) for racer in racers] == [0, 0, 0]
    assert known(tmp_path, read_clouds(tmp_path / "shared" / "state" / "clouds.yaml")["admin"].password)
