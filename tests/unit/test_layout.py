"""Folders and the record of what was made: ours are recognised, others' are refused."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from heddle.cli.layout import Layout, is_ours
from heddle.cli.supervisor import Lock, holder
from heddle.config import Paths, Server, Settings
from heddle.errors import HeddleError


def layout(root: Path) -> Layout:
    paths = Paths(state=f"{root}/state", run=f"{root}/run", log=f"{root}/log")
    return Layout(Settings(paths=paths, server=Server(user="")))


def test_prepare_makes_folders_for_the_owner_only_and_again_changes_nothing(tmp_path: Path) -> None:
    made = layout(tmp_path)
    for _ in range(2):
        made.prepare()
        assert all(is_ours(folder) for folder in made.folders)
        assert [stat.S_IMODE(folder.stat().st_mode) for folder in (made.state, made.host)] == [0o700, 0o700]
        assert made.server_logs.is_dir()


def test_a_user_that_another_process_makes_in_that_moment_is_as_good(tmp_path: Path) -> None:
    """A host's agent and its server start side by side, each as the first on the machine."""
    useradd = tmp_path / "useradd"
    useradd.write_text("#!/bin/sh\necho \"useradd: user 'heddle' already exists\" >&2\nexit 9\n", encoding="utf-8")
    useradd.chmod(0o755)
    paths = Paths(state=f"{tmp_path}/state", run=f"{tmp_path}/run", log=f"{tmp_path}/log")
    made = Layout(Settings(paths=paths, server=Server(user="heddle-of-test")))
    there = [False, True]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        patch.setattr(os, "geteuid", lambda: 0)
        patch.setattr("heddle.cli.layout._is_user", lambda name: there.pop(0))
        assert made._make_user() == ""
        there = [False, False]
        with pytest.raises(HeddleError, match="already exists"):
            made._make_user()


def test_a_folder_with_others_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "precious").write_text("x")
    with pytest.raises(HeddleError, match="not Heddle's"):
        layout(tmp_path).prepare()
    assert (tmp_path / "state" / "precious").read_text() == "x"


def test_what_was_made_is_remembered_once(tmp_path: Path) -> None:
    made = layout(tmp_path)
    made.prepare()
    assert made.recorded() == {"users": [], "files": []}
    for _ in range(2):
        made.record(user="heddle", files=[Path("/x/openrc-blue")])
    made.record(files=[Path("/x/clouds.yaml")])
    assert made.recorded() == {"users": ["heddle"], "files": ["/x/clouds.yaml", "/x/openrc-blue"]}


def test_a_damaged_record_removes_nothing(tmp_path: Path) -> None:
    made = layout(tmp_path)
    made.prepare()
    made.made.write_text("[")
    assert made.recorded() == {"users": [], "files": []}


def test_what_another_user_wrote_down_counts_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`heddle down` removes as root what is written down."""
    made = layout(tmp_path)
    made.prepare()
    made.made.write_text('{"users": ["root"], "files": ["/etc/passwd"]}', encoding="utf-8")
    assert made.recorded()["users"] == ["root"]
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    assert made.recorded() == {"users": [], "files": []}


def test_writing_down_follows_no_link(tmp_path: Path) -> None:
    made = layout(tmp_path)
    made.prepare()
    other = tmp_path / "other"
    other.write_text("theirs", encoding="utf-8")
    made.made.with_name("made.json.new").symlink_to(other)
    made.made.symlink_to(other)
    made.record(files=[tmp_path / "openrc"])
    assert other.read_text(encoding="utf-8") == "theirs"
    assert made.recorded()["files"] == [str(tmp_path / "openrc")]
    assert made.made.stat().st_mode & 0o777 == 0o600


def of_before(root: Path) -> Layout:
    """As it was when one folder held the server's files and root's."""
    state = root / "state"
    (state / "dhcp").mkdir(parents=True)
    for name in (".heddle", "lock", "heddle.db", "dhcp/n1.leases"):
        (state / name).write_text("")
    (state / "made.json").write_text('{"users": [], "files": ["/x/openrc-blue"]}')
    return layout(root)


def test_files_of_root_in_the_state_folder_are_found_there_and_moved_by_the_next_start(tmp_path: Path) -> None:
    made = of_before(tmp_path)
    assert made.recorded()["files"] == ["/x/openrc-blue"], "`heddle down` needs no start before it"
    made.prepare()
    assert sorted(path.name for path in made.state.iterdir()) == [".heddle", "heddle.db"]
    assert sorted(path.name for path in made.host.iterdir()) == [".heddle", "dhcp", "lock", "made.json"]
    assert (made.host / "dhcp" / "n1.leases").exists() and made.recorded()["files"] == ["/x/openrc-blue"]
    assert made.lock == made.host / "lock"
    made.prepare()
    assert sorted(path.name for path in made.state.iterdir()) == [".heddle", "heddle.db"]


def test_one_that_runs_with_its_lock_in_the_state_folder_is_seen_and_left_alone(tmp_path: Path) -> None:
    made = of_before(tmp_path)
    lock = Lock(tmp_path / "state" / "lock")
    lock.take()
    assert holder(made.lock) == os.getpid()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(HeddleError, match=f"already running on this host as process {os.getpid()}.*heddle stop"):
        made.prepare()
    assert sorted(tmp_path.rglob("*")) == before
    lock.release()
    made.prepare()
    assert made.lock == made.host / "lock"


def test_a_second_start_is_refused_by_the_lock_in_the_host_folder(tmp_path: Path) -> None:
    made = layout(tmp_path)
    made.prepare()
    first = Lock(made.lock)
    first.take()
    made.prepare()
    with pytest.raises(HeddleError, match=f"process {os.getpid()} .lock {made.host}/lock"):
        Lock(made.lock).take()
    first.release()
