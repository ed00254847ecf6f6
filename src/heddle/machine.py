"""What files tell of the machine that this runs on, and those that the settings name: read, and nothing changed.

An agent tells it of its host, and a check looks at the server's own machine in the same way.  No process is started.
"""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from heddle import __version__
from heddle.config import Settings
from heddle.view.facts import Certificate, Disk, Facts

ROOT = Path("/")
_CONTAINER = ("run/systemd/container", ".dockerenv", "run/.containerenv")


def here(settings: Settings, folders: Iterable[str | Path]) -> Facts:
    """What is told of every machine, a server's and a host's; `folders`: whose file systems are looked at."""
    return Facts(
        release=__version__, python=platform.python_version(), kernel=platform.release(), boot=boot(),
        disks=tuple(disk(Path(folder)) for folder in folders), certificates=tuple(certificates(_named(settings))),
        reboot=reboot(platform.release()), clock=time.time(),
    )  # fmt: skip


def boot() -> str:
    """What tells this run of the kernel from all others, "" where nobody says."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def disk(folder: Path) -> Disk:
    """Of a folder that is not there yet: of the nearest above it that is."""
    folder = _existing(folder)
    try:
        stat, device = os.statvfs(folder), folder.stat().st_dev
    except OSError as error:
        return Disk(folder=str(folder), lack=f"{folder} cannot be looked at: {error.strerror}")
    used, size = room(stat)
    return Disk(
        folder=str(folder), device=device, used=used, size=size,
        inodes_used=stat.f_files - stat.f_ffree, inodes=stat.f_files,
    )  # fmt: skip


def room(stat: os.statvfs_result) -> tuple[int, int]:
    """How many bytes of a file system are used, of how many for those who are not root, as df tells it."""
    used = stat.f_blocks - stat.f_bfree
    return used * stat.f_frsize, (used + stat.f_bavail) * stat.f_frsize


def _existing(path: Path) -> Path:
    return path if os.path.exists(path) or path == path.parent else _existing(path.parent)


def certificates(named: Mapping[str, str]) -> list[Certificate]:
    """Those in the files that settings name, by setting, each of them."""
    return [each for setting, file in named.items() if file for each in _in_file(setting, file)]


def _named(settings: Settings) -> dict[str, str]:
    return {
        "bus.ca_file": settings.bus.ca_file, "bus.cert_file": settings.bus.cert_file,
        "metadata.nova_ca_file": settings.metadata.nova_ca_file,
    }  # fmt: skip


def _in_file(setting: str, file: str) -> list[Certificate]:
    from cryptography import x509  # an agent is not made larger by it until it is asked

    try:
        found = x509.load_pem_x509_certificates(Path(file).read_bytes())
    except (OSError, ValueError) as error:
        return [Certificate(setting=setting, file=file, lack=f"cannot be read: {error}")]
    return [
        Certificate(
            setting=setting, file=file, subject=each.subject.rfc4514_string(),
            issuer="" if each.issuer == each.subject else each.issuer.rfc4514_string(),
            starts=each.not_valid_before_utc.timestamp(), ends=each.not_valid_after_utc.timestamp(),
        )
        for each in found
    ]  # fmt: skip


def reboot(running: str, root: Path = ROOT) -> tuple[str, ...]:
    """Why the machine waits for a reboot: its packages say so, or its kernel is not the one that is installed.

    Of kernels nothing is said where none is installed: in a container, or where it comes from outside a machine.
    """
    found = []
    if (root / "run/reboot-required").exists():
        packages = sorted(set(_words(root / "run/reboot-required.pkgs")))
        found.append("packages ask for it (/run/reboot-required)" + (f": {', '.join(packages)}" if packages else ""))
    if not any((root / name).exists() for name in _CONTAINER):
        found += _other_kernel(running, root)
    return tuple(found)


def _other_kernel(running: str, root: Path) -> list[str]:
    folder = root / "lib/modules"
    try:
        installed = [each.name for each in folder.iterdir() if (each / "modules.dep").exists()]
    except OSError:
        return []
    newer = [name for name in installed if _is_newer(name, running)]
    if newer:
        return [f"kernel {running} runs, and {max(newer, key=_place)} is installed"]
    if installed and running not in installed and (root / "proc/modules").exists():
        return [f"the modules of the running kernel {running} are gone from /lib/modules: it cannot load any more"]
    return []


def _is_newer(name: str, running: str) -> bool:
    """Of the same kind: 6.1.0-21-amd64 is newer than 6.1.0-18-amd64, and says nothing of 6.1.0-18-cloud-amd64."""
    return _kind(name) == _kind(running) and _place(name) > _place(running)


def _kind(release: str) -> str:
    """What is behind the version, without numbers: "amd64", "el9_4.x86_64" or "+deb13-amd64"."""
    return re.sub(r"[0-9._]+", ".", _parts(release)[1])


def _place(release: str) -> tuple[list[int], ...]:
    """Where it is among its kind: the version decides, and numbers behind it where that is the same."""
    return tuple([int(each) for each in re.findall(r"[0-9]+", part)] for part in _parts(release))


def _parts(release: str) -> tuple[str, str]:
    """The version, and what is behind it."""
    rest = release.lstrip("0123456789.-")
    return release[: len(release) - len(rest)], rest


def _words(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return []
