"""The command line: usage, settings, errors as one line, and a quick --help."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from heddle.cli import main as cli


def test_every_command_has_both_functions() -> None:
    for name in cli.COMMANDS:
        module = importlib.import_module(f"heddle.cli.{name}")
        assert callable(module.register) and callable(module.run)


@pytest.mark.parametrize("argv", [[], ["nonsense"], ["up", "--nonsense"], ["db"], ["--set"]])
def test_a_wrong_command_line_is_usage(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(argv)
    assert ended.value.code == 64
    assert "usage: heddle" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--set", "server.prot=1", "status"], "no setting 'prot'"),
        (["--set", "server.port=many", "status"], "server.port"),
        (["--config", "/nowhere/heddle.toml", "status"], "/nowhere/heddle.toml"),
    ],
)
def test_wrong_settings_are_one_clear_line(argv: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(argv) == 78
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom heddle.cli.main import parser\nparser()\n"
        "heavy = {'sqlalchemy', 'openstack', 'alembic', 'pyroute2', 'yaml', 'oslo_policy'} & set(sys.modules)\n"
        "sys.exit(','.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_down_asks_before_it_removes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = [word for name in ("state", "run", "log") for word in ("--set", f"paths.{name}={tmp_path}/{name}")]
    assert cli.main([*argv, "down"]) == 1
    assert "--yes" in capsys.readouterr().err
