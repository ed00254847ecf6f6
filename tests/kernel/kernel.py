"""Debian's cloud kernel, unpacked into the cache folder and never installed.

The package linux-image-cloud-<arch> names the one that holds the kernel; that one is fetched with `apt-get
download` when the cache has no kernel yet, so that later runs need no network.  A folder of the cache is a
kernel: boot/vmlinuz-<version>, lib/modules/<version>, with modules.dep made by depmod.
"""

from __future__ import annotations

import lzma
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.kernel.trouble import Trouble

META = "linux-image-cloud-amd64"
_VERSIONED = re.compile(r"^\s*Depends: (linux-image-\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Kernel:
    """An unpacked kernel: its version as uname gives it, and the folder with boot/ and lib/modules/."""

    version: str
    root: Path

    @property
    def image(self) -> Path:
        return self.root / "boot" / f"vmlinuz-{self.version}"

    @property
    def modules(self) -> Path:
        return self.root / "lib" / "modules" / self.version

    def module(self, path: str) -> bytes:
        """The object file of a module, by its path in modules.dep."""
        data = (self.modules / path).read_bytes()
        return lzma.decompress(data) if path.endswith(".xz") else data


def find(cache: Path, fresh: bool = False) -> Kernel:
    """The kernel in the cache, fetched when there is none or `fresh`.  Raises `Trouble`."""
    there = _unpacked(cache)
    if there and not fresh:
        return there[-1]
    return _fetch(cache)


def _unpacked(cache: Path) -> list[Kernel]:
    found = sorted(cache.glob("linux-*/lib/modules/*/modules.dep"), key=lambda path: path.stat().st_mtime)
    return [Kernel(path.parent.name, path.parents[3]) for path in found]


def _fetch(cache: Path) -> Kernel:
    cache.mkdir(parents=True, exist_ok=True)
    package = _package()
    target, partial = cache / package.removeprefix("linux-image-").join(("linux-", "")), cache / "partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    _do(["apt-get", "-q", "download", package], partial, f"the package {package} could not be fetched")
    (archive,) = partial.glob("*.deb")
    _do(["dpkg-deb", "-x", str(archive), "root"], partial, f"{archive.name} could not be unpacked")
    root = partial / "root"
    if (root / "usr/lib/modules").is_dir():
        shutil.move(root / "usr/lib/modules", root / "lib/modules")
    (version,) = (path.name for path in (root / "lib/modules").iterdir())
    _do(["depmod", "-b", str(root), version], partial, "depmod failed")
    shutil.rmtree(target, ignore_errors=True)
    root.rename(target)
    shutil.rmtree(partial)
    return Kernel(version, target)


def _package() -> str:
    """The package that the meta package depends on; the lists of packages are fetched when there are none."""
    for command in (["true"], ["apt-get", "-q", "update"]):
        _do(command, Path("/"), "the lists of packages could not be fetched")
        answer = subprocess.run(["apt-cache", "depends", META], capture_output=True, text=True, check=False)
        if found := _VERSIONED.search(answer.stdout):
            return found.group(1)
    raise Trouble(f"apt knows no package {META}: this wants Debian on amd64, and /etc/apt/sources.list* to say so")


def _do(command: list[str], folder: Path, what: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Trouble(f"{what}: {' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")


def load_order(dependencies: str, wanted: Iterable[str]) -> list[str]:
    """The module files to load, in order, for the modules `wanted`.

    `dependencies` is the text of modules.dep: "file: file…", where what a module needs stands last to first.
    A name that is not in it is built into the kernel, and left out.
    """
    needs = {}
    for line in dependencies.splitlines():
        file, _, rest = line.partition(":")
        needs[file] = rest.split()
    by_name = {module_name(file): file for file in needs}
    order: list[str] = []
    for name in wanted:
        file = by_name.get(name.replace("-", "_"), "")
        if file:
            order += [each for each in [*reversed(needs[file]), file] if each not in order]
    return order


def module_name(path: str) -> str:
    """kernel/fs/ext4/ext4.ko.xz -> ext4"""
    return path.rpartition("/")[2].partition(".ko")[0].replace("-", "_")
