"""What files tell of a machine: room, certificates, and whether it waits for a reboot."""

from __future__ import annotations

from pathlib import Path

import pytest

from heddle import machine

OLD, NEW, CLOUD = "6.1.0-18-amd64", "6.1.0-21-amd64", "6.1.0-30-cloud-amd64"


def tree(root: Path, *files: str) -> Path:
    for name in files:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return root


def kernels(*names: str) -> list[str]:
    return [f"lib/modules/{name}/modules.dep" for name in names]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ([], []),
        (["run/reboot-required"], ["packages ask for it"]),
        (["proc/modules", *kernels(OLD)], []),
        (["proc/modules", *kernels(OLD, NEW)], [f"kernel {OLD} runs, and {NEW} is installed"]),
        (["proc/modules", *kernels(OLD, CLOUD)], []),
        (["proc/modules", *kernels("6.1.0-9-amd64", OLD)], []),
        (["proc/modules", *kernels("6.1.0-9-amd64")], [f"the modules of the running kernel {OLD} are gone"]),
        (kernels("6.1.0-9-amd64"), []),
        (["proc/modules", f"lib/modules/{NEW}/left-over"], []),
        (["proc/modules", ".dockerenv", *kernels(NEW)], []),
        (["run/reboot-required", "proc/modules", *kernels(NEW)], ["packages ask for it", f"{NEW} is installed"]),
    ],
)  # fmt: skip
def test_whether_it_waits_for_a_reboot(tmp_path: Path, files: list[str], says: list[str]) -> None:
    found = machine.reboot(OLD, tree(tmp_path, *files))
    assert len(found) == len(says) and all(part in text for part, text in zip(says, found, strict=True)), found


def test_who_asks_for_the_reboot(tmp_path: Path) -> None:
    tree(tmp_path, "run/reboot-required")
    (tmp_path / "run/reboot-required.pkgs").write_text("linux-image-amd64\nlibc6\nlibc6\n")
    (found,) = machine.reboot(OLD, tmp_path)
    assert found.endswith("(/run/reboot-required): libc6, linux-image-amd64")


@pytest.mark.parametrize(
    ("one", "other", "newer"),
    [
        ("5.14.0-427.el9.x86_64", "5.14.0-70.el9.x86_64", True),
        ("5.14.0-70.el9.x86_64", "5.14.0-427.el9.x86_64", False),
        ("5.14.0-427.13.1.el9_4.x86_64", "5.14.0-362.el9.x86_64", True),
        ("4.18.0-80.1.2.el8_0.x86_64", "4.18.0-80.el8.x86_64", True),
        ("6.12.43+deb13-amd64", "6.12.41+deb13-amd64", True), ("6.12.41+deb13-amd64", "6.12.43+deb13-amd64", False),
        ("6.12.43+deb13-cloud-amd64", "6.12.41+deb13-amd64", False), ("6.13.1+", "6.12.9+", True),
        ("6.8.0-31-generic", "6.8.0-31-lowlatency", False), ("6.10.1", "6.9.12", True), ("6.9.12", "6.9.12", False),
    ],
)  # fmt: skip
def test_which_kernel_is_newer(tmp_path: Path, one: str, other: str, newer: bool) -> None:
    assert bool(machine.reboot(other, tree(tmp_path, "proc/modules", *kernels(one, other)))) == newer


def test_the_file_system_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    found = machine.disk(tmp_path / "a" / "b")
    assert found.folder == str(tmp_path) and 0 < found.used < found.size and found.device == tmp_path.stat().st_dev
    assert not found.lack and machine.disk(Path("/proc/self/fd/99/x")).folder == "/proc/self/fd"
