"""What the virtual machine has as its file systems: the host's own programs, and this checkout.

The root is an ext4 image, mounted read-only below a tmpfs.  It holds the files of the Debian packages that Heddle
needs, with all that they depend on, as they are installed on this host; the kernel's modules; and the
Python environment of the checkout at its own path.  It is made once and kept in the cache under a name that
follows from what is in it.  The checkout itself changes with every run, so it travels as a tar archive, which is
the second disk as it is.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.kernel import archive
from tests.kernel.kernel import Kernel, load_order
from tests.kernel.trouble import Trouble

PACKAGES = (
    "openvswitch-switch", "dnsmasq-base", "radvd", "nftables", "iproute2", "conntrack", "tcpdump", "iputils-ping",
    "ethtool", "busybox", "kmod", "procps", "python3", "passwd", "bash", "dash", "coreutils", "util-linux", "mount",
    "sed", "grep", "mawk", "findutils", "libc-bin", "tar", "gzip", "base-files", "hostname", "netbase", "debianutils",
    "ca-certificates", "diffutils", "e2fsprogs", "uuid-runtime", "curl",
)  # fmt: skip
FIRST_MODULES = ("virtio_pci", "virtio_blk", "ext4", "overlay")
SOURCES = ("src", "scripts", "tests", "pyproject.toml", "Makefile")
EXTRA = ("/etc/passwd", "/etc/group", "/etc/ld.so.cache", "/etc/alternatives", "/etc/nsswitch.conf")
WHOLE = ("/etc/alternatives",)
SHADOW = "root:*:19000:0:99999:7:::\n"
EMPTY = ("proc", "sys", "dev", "run", "tmp", "root", "mnt", "var/tmp", "var/log", "var/lib")
_NAME = re.compile(r"[ (:]")
_FORMAT = "${Package}\t${db:Status-Abbrev}\t${Version}\t${Provides}\t${Pre-Depends}, ${Depends}\n"


def closure(listing: str, wanted: Iterable[str]) -> dict[str, str]:
    """The installed packages (name -> version) that `wanted` need, by dpkg-query's `listing` (format above)."""
    version: dict[str, str] = {}
    needs: dict[str, set[str]] = {}
    provided: dict[str, set[str]] = {}
    for line in listing.splitlines():
        name, status, number, provides, depends = line.split("\t")
        if status.startswith("ii"):
            version[name], needs[name] = number, _names(depends)
            for each in _names(provides):
                provided.setdefault(each, set()).add(name)
    found: set[str] = set()
    ahead = list(wanted)
    while ahead:
        name = ahead.pop()
        for each in {name} if name in needs else provided.get(name, set()):
            if each not in found:
                found.add(each)
                ahead += needs[each]
    return {name: version[name] for name in sorted(found)}


def _names(text: str) -> set[str]:
    alternatives = (_NAME.split(each.strip())[0] for each in re.split("[,|]", text))
    return {name for name in alternatives if name}


def image(cache: Path, project: Path, kernel: Kernel) -> Path:
    """The root image, made when the cache has none of this content.  Raises `Trouble`."""
    listing = subprocess.run(["dpkg-query", "-W", "-f", _FORMAT], capture_output=True, text=True, check=True).stdout
    packages = closure(listing, PACKAGES)
    if missing := [name for name in PACKAGES if name not in packages]:
        raise Trouble(f"packages that the virtual machine needs are not installed here: {', '.join(missing)}")
    target = cache / f"root-{_key(packages, project, kernel)}.ext4"
    if not target.exists():
        for old in cache.glob("root-*.ext4"):
            old.unlink()
        _make(target, cache / "staging", packages, project, kernel)
    return target


def _key(packages: Mapping[str, str], project: Path, kernel: Kernel) -> str:
    environment = sorted(path.name for path in (project / ".venv").glob("lib/python*/site-packages/*.dist-info"))
    parts = [repr(sorted(packages.items())), repr(environment), kernel.version, str(project)]
    return hashlib.sha256("\n".join([*parts, Path(__file__).read_text("utf-8")]).encode()).hexdigest()[:12]


def _make(target: Path, staging: Path, packages: Mapping[str, str], project: Path, kernel: Kernel) -> None:
    shutil.rmtree(staging, ignore_errors=True)
    for name in EMPTY:
        (staging / name).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        if os.path.islink(f"/{name}"):
            (staging / name).symlink_to(os.readlink(f"/{name}"))
    files = subprocess.run(["dpkg-query", "-L", *packages], capture_output=True, text=True, check=True).stdout
    _copy([*files.splitlines(), *_alternatives(), *_python(), *EXTRA], staging)
    _copy([str(project / ".venv")], staging)
    _compile(staging / str(project).lstrip("/") / ".venv" / "lib", staging)
    shutil.copytree(kernel.modules, staging / "usr/lib/modules" / kernel.version, symlinks=True)
    (staging / "etc/shadow").write_text(SHADOW, encoding="ascii")
    size = sum(path.lstat().st_size + 4096 for path in staging.rglob("*"))
    partial = target.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    make_ext4(partial, size // 2**20 + size // 2**23 + 64, staging)
    partial.rename(target)
    shutil.rmtree(staging)


def make_ext4(path: Path, megabytes: int, content: Path | None = None) -> None:
    """Make a file system in a file, with what is in the folder `content`.  Raises `Trouble`."""
    source = ["-d", str(content)] if content else []
    command = ["mkfs.ext4", "-q", "-F", "-m", "0", "-b", "4096", "-E", "root_owner=0:0", *source,
               str(path), f"{megabytes}M"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        path.unlink(missing_ok=True)
        raise Trouble(f"{path} could not be made: {done.stderr.strip()}")


def _copy(names: Iterable[str], staging: Path) -> None:
    """Copy by tar, which keeps modes, times and links.  Documents stay away; compiled Python comes along."""
    there = {_real(name) for name in names if not name.startswith(("/usr/share/doc/", "/usr/share/man/", "/boot"))}
    there |= {each for name in there if name.endswith(".py") for each in _compiled(Path(name))}
    _tar(sorted(name for name in there if os.path.lexists(name)), ["--no-recursion"], staging)
    _tar([name for name in there if name in WHOLE or name.endswith("/.venv")], [], staging)


def _tar(names: Sequence[str], options: Sequence[str], staging: Path) -> None:
    if not names:
        return
    pack = subprocess.Popen(["tar", "-c", "-P", *options, "--null", "-T", "-"], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)  # fmt: skip
    unpack = subprocess.Popen(["tar", "-x", "-C", str(staging)], stdin=pack.stdout, stderr=subprocess.DEVNULL)
    assert pack.stdin is not None and pack.stdout is not None
    pack.stdout.close()
    pack.stdin.write(b"\0".join(name.encode() for name in names))
    pack.stdin.close()
    if pack.wait() or unpack.wait():
        raise Trouble("copying the host's programs for the virtual machine failed")


def _real(name: str) -> str:
    """/bin/sh is a file of /usr/bin where the two were merged."""
    folder, _, last = name.rpartition("/")
    return f"{os.path.realpath(folder or '/').rstrip('/')}/{last}"


def _compiled(source: Path) -> list[str]:
    return [str(path) for path in source.parent.glob(f"__pycache__/{source.stem}.cpython-*.pyc")]


def _alternatives() -> list[str]:
    """Commands that belong to no package: links to the one of several that Debian's alternatives chose."""
    commands = (path for folder in ("/usr/bin", "/usr/sbin") for path in Path(folder).iterdir() if path.is_symlink())
    return [str(path) for path in commands if os.readlink(path).startswith("/etc/alternatives/")]


def _python() -> list[str]:
    """The interpreter of the environment and its library, where Debian's packages do not hold it."""
    library = Path(sysconfig.get_path("stdlib"))
    if library.is_relative_to("/usr/lib"):
        return []
    base = sysconfig.get_config_var("installed_base")
    interpreter = os.path.realpath(f"{base}/bin/python3")
    linked = re.findall(r"/\S+", subprocess.run(["ldd", interpreter], capture_output=True, text=True).stdout)
    return [interpreter, f"{base}/bin/python3", *linked, *(str(path) for path in library.rglob("*"))]


def first_files(kernel: Kernel) -> bytes:
    """The initramfs: busybox, the modules for the disks, and our init."""
    busybox = shutil.which("busybox")
    if busybox is None:
        raise Trouble("busybox is not installed: apt-get install busybox")
    linked = subprocess.run(["ldd", busybox], capture_output=True, text=True, check=False).stdout
    libraries = re.findall(r"(/\S+) \(0x", linked)
    order = load_order((kernel.modules / "modules.dep").read_text("utf-8"), FIRST_MODULES)
    entries = [archive.folder(name) for name in ("proc", "sys", "dev", "lower", "upper", "root", "modules")]
    entries += [archive.program("bin/busybox", Path(busybox).read_bytes()), archive.link("bin/sh", "busybox")]
    entries += [archive.program(name.lstrip("/"), Path(name).read_bytes()) for name in libraries]
    for number, path in enumerate(order):
        entries.append(archive.program(f"modules/{number:02}.ko", kernel.module(path)))
    init = Path(__file__).with_name("guest") / "init"
    return archive.newc([*entries, archive.program("init", init.read_bytes())])


def checkout(cache: Path, project: Path, commit: str = "") -> Path:
    """The checkout, or a commit of it, as a tar archive at its own path, with its Python compiled."""
    copy, target = cache / "checkout", cache / "checkout.tar"
    shutil.rmtree(copy, ignore_errors=True)
    inside = copy / str(project).lstrip("/")
    inside.mkdir(parents=True)
    if commit:
        _export(project, commit, inside)
    for name in () if commit else SOURCES:
        if (project / name).is_dir():
            shutil.copytree(project / name, inside / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(project / name, inside / name)
    _compile(inside, copy)
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as tar:
        tar.add(copy, arcname=".")
    shutil.rmtree(copy)
    return target


def _export(project: Path, commit: str, folder: Path) -> None:
    command = ["git", "-C", str(project), "archive", commit, *SOURCES]
    done = subprocess.run(command, check=False, capture_output=True)
    if done.returncode:
        raise Trouble(f"there is no commit {commit}: {done.stderr.decode().strip()}")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=done.stdout, check=True)


def _compile(folder: Path, root: Path) -> None:
    """Compile the Python files below `folder` for a machine whose root is `root`: there it would take minutes."""
    command = [sys.executable, "-m", "compileall", "-q", "-j", "2", "-s", str(root), "-p", "/", str(folder)]
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
