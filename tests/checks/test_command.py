"""`heddle upgrade` and `heddle doctor`: what they print, their exit codes, and what is no question at all."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator
from tests.checks.conftest import Look

from heddle.checks.registry import registry
from heddle.cli import main as cli
from heddle.config import Settings
from heddle.errors import HeddleError
from heddle.store.engine import Store

SCHEMA = Path(__file__).parents[2] / "docs" / "checks.schema.json"


@pytest.fixture
def words(settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.delenv("HEDDLE_TEST_ENGINE", raising=False)
    monkeypatch.delenv("HEDDLE_TEST_BROKER", raising=False)
    paths = [f"paths.{name}={getattr(settings.paths, name)}" for name in ("state", "run", "log")]
    return [part for word in (*paths, f"database.url={settings.database_url}") for part in ("--set", word)]


@pytest.mark.parametrize(
    "wrong",
    [
        ["upgrade", "chekc"], ["upgrade"], ["upgrade", "check", "--json"], ["upgrade", "check", "--format", "xml"],
        ["upgrade", "check", "--only", "database-reachabel"], ["upgrade", "check", "now"],
        ["upgrade", "check", "--target", "next"], ["doctor", "--skip", "x"],
        ["upgrade", "explain", "nothing"], ["upgrade", "check", "--warnings"], ["doctor", "--only", "versions-agents"],
        ["upgrade", "check", "--only", "database-schema", "--skip", "database-schema"],
    ],
)  # fmt: skip
def test_a_wrong_command_line_is_64_and_nothing_runs(
    words: list[str], wrong: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[object] = []
    monkeypatch.setattr("heddle.checks.engine.run", lambda *args: ran.append(args))
    try:
        code = cli.main([*words, *wrong])
    except SystemExit as end:
        code = int(str(end.code))
    told = capsys.readouterr()
    assert code == 64 and not ran and told.out == "" and told.err


@pytest.mark.usefixtures("store")
def test_json_is_what_the_docs_say(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    cli.main([*words, "upgrade", "check", "--format", "json"])
    found = json.loads(capsys.readouterr().out)
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(found)
    assert found["name"] == "upgrade check" and {each["id"] for each in found["checks"]} == registry().keys()
    assert not Draft202012Validator(schema).is_valid({"name": "x", "checks": [{"check": "a", "result": 0}]})


def test_only_and_skip(look: Look, store: Store) -> None:
    assert look("--only", "database-reachable", "--only", "database-schema").keys() == {
        "database-reachable", "database-schema"
    }  # fmt: skip
    assert look.code == 0
    assert look("--skip", "database-schema").keys() == registry().keys() - {"database-schema"}


def test_a_warning_and_whether_it_is_well(look: Look, store: Store) -> None:
    only = ("--only", "network-agents")
    assert look(*only)["network-agents"]["status"] == "warning" and look.code == 1
    look(*only, "--warnings-ok")
    assert look.code == 0


def test_junit(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    cli.main([*words, "--set", "database.url=sqlite:////nowhere/x.db", "upgrade", "check", "--format", "junit"])
    suite = ElementTree.fromstring(capsys.readouterr().out)
    cases = {case.get("name"): case for case in suite}
    assert suite.get("name") == "upgrade check" and cases.keys() == registry().keys()
    assert cases["database-reachable"].find("failure") is not None
    assert cases["database-schema"].find("error") is not None
    assert cases["queue-calls"].find("skipped") is not None
    assert suite.get("failures") == str(len(suite.findall("testcase/failure")))


def test_the_table_and_the_words_to_mend(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.main([*words, "--set", "database.url=sqlite:////nowhere/x.db", "upgrade", "check"])
    shown = capsys.readouterr().out.splitlines()
    assert code == 2 and len({len(line) for line in shown[:-1]}) == 1
    assert shown[1].startswith("| Upgrade Check Results ")
    start = next(n for n, line in enumerate(shown) if "(database-reachable)" in line)
    assert shown[start + 1].startswith("| Result: Failure") and "/nowhere/x.db" in shown[start + 2]
    assert any(line.startswith("| Remedy: ") for line in shown[start:]) and "\033" not in "".join(shown)
    assert "1 Failure" in shown[-1]


def test_doctor_leaves_out_what_only_an_upgrade_asks(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    cli.main([*words, "doctor", "--format", "json"])
    found = json.loads(capsys.readouterr().out)
    assert found["name"] == "doctor"
    assert {each["id"] for each in found["checks"]} == {id for id, check in registry().items() if check.doctor}


def test_list_and_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["upgrade", "list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert listed == list(registry())
    for id in listed:
        assert cli.main(["upgrade", "explain", id]) == 0
        told = capsys.readouterr().out
        assert registry()[id].remedy in told and registry()[id].reads in told


def test_what_is_explained_has_lines_as_wide_as_the_terminal() -> None:
    command = [sys.executable, "-m", "heddle.cli.main", "upgrade", "explain", "database-sizes"]
    known = {name: text for name, text in os.environ.items() if name != "COLUMNS"}
    plain = subprocess.run(command, capture_output=True, text=True, check=True, env=known).stdout
    assert max(map(len, plain.splitlines())) > 120
    for columns in (60, 90):
        master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, columns))
        with subprocess.Popen(command, stdout=slave, env=known):
            os.close(slave)
            lines = read_all(master).decode().splitlines()
        assert columns - 20 < max(map(len, lines)) <= columns, lines
        assert " ".join(lines).split() == plain.split(), lines
        assert any(line.startswith(" " * 10) for line in lines), lines


def read_all(master: int) -> bytes:
    """What is written to a terminal, until nobody has it open."""
    seen = b""
    try:
        while part := os.read(master, 65536):
            seen += part
    except OSError:
        pass
    os.close(master)
    return seen


def test_colours_and_progress_only_on_a_terminal(words: list[str]) -> None:
    command = [sys.executable, "-m", "heddle.cli.main", *words, "upgrade", "check"]
    master, slave = pty.openpty()
    process = subprocess.Popen(command, stdout=slave, stderr=slave)
    os.close(slave)
    seen = read_all(master)
    process.wait()
    assert b"\033[32mSuccess\033[0m" in seen and b"checks; waiting for" in seen
    plain = subprocess.run(command, capture_output=True, check=False)
    assert b"\033" not in plain.stdout and plain.stderr == b"" and b"Result: Success" in plain.stdout


class Point:
    """An entry point of a package that is broken."""

    name, value = "wobble", "wobbly.checks:CHECK"

    def load(self) -> object:
        raise ImportError("no module named wobbly")


def test_a_check_of_another_package_that_cannot_be_loaded(look: Look, store: Store, every: None) -> None:
    before = look()
    with patch("heddle.checks.registry.entry_points", lambda group: [Point()]):
        registry.cache_clear()
        found = look()
        told = found.pop("environment-entry-point-wobble")
        assert look.code == 255 and found.keys() == before.keys()
        assert told["status"] == "unknown" and "no module named wobbly" in told["details"], told
        assert cli.main(["upgrade", "explain", "environment-entry-point-wobble"]) == 0


@pytest.mark.parametrize("where", ["heddle.checks.engine.run", "heddle.checks.registry.import_module"])
@pytest.mark.parametrize("error", [RuntimeError("wobbly\nand more"), HeddleError("wobbly")])
@pytest.mark.parametrize("command", [["upgrade", "check"], ["doctor"]])
def test_a_crash_is_no_warning(
    words: list[str], every: None, capsys: pytest.CaptureFixture[str], where: str, error: Exception, command: list[str]
) -> None:
    registry.cache_clear()
    with patch(where, side_effect=error):
        assert cli.main([*words, *command]) == 255
    told = capsys.readouterr()
    assert told.out == "" and "wobbly" in told.err and len(told.err.splitlines()) == 1


@pytest.fixture
def every() -> Iterator[None]:
    """The checks are looked for anew afterwards."""
    yield
    registry.cache_clear()
