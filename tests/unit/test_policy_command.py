"""`heddle policy`: the rules in force are printed as a policy file, and a policy file is checked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from heddle.api.policy import Policy
from heddle.api.policy_rules import defaults
from heddle.cli import main as cli


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A policy file with one rule changed, and one that the other names."""
    made = tmp_path / "policy.yaml"
    made.write_text('"get_agent": "rule:admin_only or rule:watcher"\n"watcher": "role:reader"\n')
    return made


def run(*argv: str, file: Path | None = None) -> int:
    return cli.main([*(("--set", f"identity.policy_file={file}") if file else ()), "policy", *argv])


def test_what_is_printed_is_a_policy_file_with_the_same_rules(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("list", file=file) == 0
    printed = capsys.readouterr().out
    copy = tmp_path / "copy.yaml"
    copy.write_text(printed + '"watcher": "role:reader"\n')
    assert Policy(str(copy)).texts == Policy(str(file)).texts
    assert set(Policy(str(copy)).overrides) == {*defaults(), "watcher"}
    for rule in defaults().values():
        assert f"# {rule.description}\n" in printed


def test_overrides_are_marked(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", "--changed", file=file) == 0
    assert capsys.readouterr().out == (
        f"# {defaults()['get_agent'].description}\n"
        f'# overridden by {file}; the default is "rule:admin_only"\n'
        '"get_agent": "rule:admin_only or rule:watcher"\n\n'
    )
    assert run("list", "--changed") == 0 and capsys.readouterr().out == ""
    assert run("list", "get_agent", "--json", file=file) == 0
    rules = {rule["name"]: rule for rule in json.loads(capsys.readouterr().out)}
    assert all("get_agent" in name for name in rules)
    assert (rules["get_agent"]["overridden"], rules["get_agent"]["default"]) == (True, "rule:admin_only")
    assert rules["get_agent"]["check"] == "rule:admin_only or rule:watcher"


def test_a_right_file_is_accepted(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", str(file)) == 0 == run("check", file=file)
    assert capsys.readouterr().out == f"{file}: 2 rules, all of them understood.\n" * 2


def test_a_name_of_no_rule_is_told_with_the_one_that_was_meant(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text('"get_agents": "@"\n"compute:start": "@"\n')
    assert run("check", str(file)) == 1
    assert capsys.readouterr().out == (
        f"{file}: rule 'compute:start' decides nothing here\n"
        f"{file}: rule 'get_agents' decides nothing here: is 'get_agent' meant?\n"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('"get_agent": "rule:nobody_knows"\n', "get_agent"),
        ('"get_agent": "role:admin or ("\n', "get_agent"),
        ('"get_agent": "shoe:%(shoe)s"\n', "get_agent"),
        ("- a\n- b\n", "must map names of rules to checks"),
        ("{", "neither YAML nor JSON"),
    ],
)
def test_a_wrong_file_is_one_clear_line(
    file: Path, capsys: pytest.CaptureFixture[str], text: str, says: str
) -> None:
    file.write_text(text)
    for argv in (("check", str(file)), ("list",)):
        assert run(*argv, file=file) == 78
        error = capsys.readouterr().err
        assert says in error and str(file) in error and error.count("\n") == 1


def test_no_file_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check") == 1
    assert "identity.policy_file" in capsys.readouterr().err
