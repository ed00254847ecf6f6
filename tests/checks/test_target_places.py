"""Where a target may be, what is none, and what is left of it afterwards: nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.checks import wheels
from tests.checks.conftest import Look, environment

from heddle.checks.target.coming import PREFIX
from heddle.cli import main as cli
from heddle.store.engine import Store

SITE = next(path for path in sys.path if path.endswith("site-packages"))
REMOVED = ("--only", "configuration-removed")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheels.source(tmp_path_factory.mktemp("same")).wheel()


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Neither what was unpacked nor a process."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    assert [path.name for path in folder.iterdir() if path.name.startswith(PREFIX)] == []
    assert processes_in(folder) == []


def processes_in(folder: Path) -> list[str]:
    """Those whose packages come from below it."""
    found = []
    for each in Path("/proc").glob("[0-9]*/environ"):
        try:
            found += [each.parent.name] if f"PYTHONPATH={folder}".encode() in each.read_bytes() else []
        except OSError:
            continue
    return found


def environment_with(folder: Path, wheel: Path | None) -> Path:
    """An environment with the libraries of this one, and with what is in the wheel."""
    venv.create(folder)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "others.pth").write_text(f"{SITE}\n" if wheel else "")
    if wheel:
        zipfile.ZipFile(wheel).extractall(site)
    return folder


@pytest.mark.parametrize("what", ["", "bin/python"])
def test_an_environment(look: Look, store: Store, wheel: Path, tmp_path: Path, what: str) -> None:
    place = environment_with(tmp_path / "other", wheel) / what
    found = look(*REMOVED, "--only", "environment-target", "--only", "versions-target", "--target", str(place))
    assert {each["status"] for each in found.values()} == {"success"} and look.code == 0, found
    assert str(tmp_path / "other") in found["versions-target"]["details"]


def without_record(path: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(path, "w") as new:
        for each in old.infolist():
            if not each.filename.endswith("/RECORD"):
                new.writestr(each, old.read(each))


def another_content(path: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(path, "w") as new:
        for each in old.infolist():
            new.writestr(each, old.read(each) + (b"\n" if each.filename == "heddle/config.py" else b""))


def planted(path: Path, wheel: Path) -> None:
    path.write_bytes(wheel.read_bytes())
    with zipfile.ZipFile(path, "a") as new:
        new.writestr("json.py", "raise SystemExit(1)")


def odd_digest(path: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(path, "w") as new:
        for each in old.infolist():
            new.writestr(each, old.read(each).replace(b",sha256=", b",shake_128="))


def long_record(path: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(path, "w") as new:
        for each in old.infolist():
            new.writestr(each, old.read(each) + (b"x" * 200_000 if each.filename.endswith("/RECORD") else b""))


def turned_bytes(path: Path, wheel: Path) -> None:
    content = bytearray(wheel.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 64] = bytes(64)
    path.write_bytes(content)


def another_name(path: Path, wheel: Path) -> None:
    path.write_bytes(wheel.read_bytes())


NAME = "heddle-0.1.0-py3-none-any.whl"
WRONG: dict[str, tuple[str, Callable[[Path, Path], object], str]] = {
    "missing": (NAME, lambda path, wheel: None, "there is no such file"),
    "text": (NAME, lambda path, wheel: path.write_text("hello"), "corrupt"),
    "cut off": (NAME, lambda path, wheel: path.write_bytes(wheel.read_bytes()[:-500]), "corrupt"),
    "bytes": (NAME, turned_bytes, "corrupt"),
    "content": (NAME, another_content, "heddle/config.py is not what its RECORD says"),
    "planted": (NAME, planted, "its RECORD does not say what json.py is"),
    "digest": (NAME, odd_digest, "corrupt"),
    "long record": (NAME, long_record, "corrupt"),
    "record": (NAME, without_record, "no RECORD"),
    "version": ("heddle-0.2.0-py3-none-any.whl", another_name, "0.1.0, not"),
    "another": ("neutron-0.2.0-py3-none-any.whl", another_name, "of neutron"),
    "no name": ("heddle.zip", another_name, "is no wheel"),
    "folder": ("folder", lambda path, wheel: path.mkdir(), "no environment of Python"),
    "empty": ("empty", lambda path, wheel: environment_with(path, None), "has no Heddle"),
    "no python": ("python9", lambda path, wheel: path.symlink_to("/bin/false"), "no Python that could be asked"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_target_is_64_and_nothing_runs(
    wheel: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name, make, says = WRONG[kind]
    make(tmp_path / name, wheel)
    ran: list[object] = []
    monkeypatch.setattr("heddle.checks.engine.run", lambda *args: ran.append(args))
    assert cli.main(["upgrade", "check", "--target", str(tmp_path / name)]) == 64
    told = capsys.readouterr()
    assert not ran and told.out == "" and len(told.err.splitlines()) == 1 and says in told.err, told.err
    assert f"--target {tmp_path / name}: " in told.err


@pytest.mark.parametrize(("kind", "odd"), [
    ("wheel", "shared/" + NAME), ("wheel", "shared"), ("environment", "shared/other"), ("environment", "shared"),
    ("environment", "shared/other/bin"), ("environment", "shared/other/lib/python*/site-packages"),
])  # fmt: skip
def test_a_target_that_everybody_may_write_to_is_not_run(
    look: Look, store: Store, wheel: Path, tmp_path: Path, kind: str, odd: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shared").mkdir()
    place, link = tmp_path / "shared" / "other", tmp_path / NAME
    if kind == "wheel":
        place = tmp_path / "shared" / NAME
        place.write_bytes(wheel.read_bytes())
    else:
        environment_with(place, wheel)
    link.symlink_to(place)
    (open_to_all,) = tmp_path.glob(odd)
    before = open_to_all.stat().st_mode

    def runs(named: Path) -> bool:
        return look(*REMOVED, "--target", str(named))["configuration-removed"]["status"] == "success"

    assert runs(place)
    open_to_all.chmod(before | 0o002)
    for named in (place, link):
        capsys.readouterr()
        assert cli.main(["upgrade", "check", "--target", str(named)]) == 64
        told = capsys.readouterr()
        assert told.out == "" and len(told.err.splitlines()) == 1 and "everybody may write to" in told.err, told.err
    if odd == "shared":
        open_to_all.chmod(0o1777)
        assert runs(place), "in such a folder nobody takes another's file away"
    open_to_all.chmod(before)
    assert runs(place) and (kind == "environment" or runs(link))


def test_a_target_that_cannot_run_here(look: Look, store: Store, tmp_path: Path) -> None:
    made = wheels.source(tmp_path / "other")
    made.project('"waitress>=3.0",', '"waitress>=300", "looms>=1", "nothing; python_version < \'3\'",')
    made.replace("config.py", "import socket\n", "import socket\nimport looms\n")
    found = look(*REMOVED, "--only", "environment-target", "--target", str(made.wheel()))
    told = found["environment-target"]
    assert told["status"] == "warning" and "waitress>=300 (here " in told["details"], told
    assert "looms>=1 (not here)" in told["details"] and "nothing" not in told["details"], told
    told = found["configuration-removed"]
    assert told["status"] == "unknown" and "No module named 'looms'" in told["details"] and look.code == 255, told


def test_what_broken_installations_left_among_the_libraries(
    look: Look, store: Store, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "left" / "~addle-0.1.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path / "left"))
    place = environment_with(tmp_path / "other", wheel)
    (site,) = place.glob("lib/python*/site-packages")
    (site / "~addle-0.1.dist-info").mkdir()
    for target in (wheel, place):
        told = look("--only", "environment-target", "--target", str(target))["environment-target"]
        assert told["status"] == "success" and look.code == 0, told


def test_a_target_for_another_python(look: Look, store: Store, tmp_path: Path) -> None:
    made = wheels.source(tmp_path / "other")
    made.project('requires-python = ">=3.11"', 'requires-python = ">=3.99"')
    told = look("--only", "environment-target", "--target", str(made.wheel()))["environment-target"]
    assert told["status"] == "failure" and "needs Python >=3.99" in told["details"] and look.code == 2, told


def test_a_target_that_hangs(look: Look, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heddle.cli.target.program.SECONDS", 1.0)
    found = look(*REMOVED, "--only", "environment-target", "--target", str(hanging(tmp_path)))
    assert found["environment-target"]["status"] == "success"
    told = found["configuration-removed"]
    assert told["status"] == "unknown" and "does not answer in time" in told["details"] and told["seconds"] < 9, told


def hanging(tmp_path: Path) -> Path:
    made = wheels.source(tmp_path / "other")
    made.replace("cli/main.py", "def main(", "__import__('time').sleep(60)\n\n\ndef main(")
    return made.wheel()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_one_who_is_told_to_end_in_the_middle(
    store: Store, tmp_path: Path, nothing_is_left: Path, number: signal.Signals
) -> None:
    words = ["--set", f"database.url={store.url}", "upgrade", "check", *REMOVED, "--target", hanging(tmp_path)]
    # Whoever runs the tests may ignore a signal.
    command = ["env", "--default-signal", sys.executable, "-m", "heddle.cli.main", *words]
    process = subprocess.Popen(command, env=environment())
    end = time.monotonic() + 60
    while not processes_in(nothing_is_left):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.02)
    assert any(path.name.startswith(PREFIX) for path in nothing_is_left.iterdir())
    process.send_signal(number)
    assert process.wait(20) in (128 + number, 130)


def test_nothing_of_the_target_comes_into_this_process(look: Look, store: Store, tmp_path: Path) -> None:
    made = wheels.source(tmp_path / "other")
    mark = tmp_path / "mark"
    text = f"import os\nopen({str(mark)!r}, 'a').write(f'{{os.getpid()}} ')\nimport socket\n"
    made.replace("config.py", "import socket\n", text)
    assert look(*REMOVED, "--target", str(made.wheel()))["configuration-removed"]["status"] == "success"
    numbers = mark.read_text().split()
    assert numbers and str(os.getpid()) not in numbers


def test_a_database_that_is_no_copy_is_not_migrated(store: Store, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "heddle.cli.main", "upgrade", "rehearse"], input=f"{store.url}\n",
                          capture_output=True, text=True, check=False, env=environment())  # fmt: skip
    assert done.returncode == 1 and "no copy" in done.stderr and done.stdout == ""
