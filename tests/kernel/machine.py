"""A virtual machine under QEMU, without a network card, read through its second serial line.

It is a child of the runner: it ends with it however that ends, and its end is waited for.  The first serial line
(the kernel's messages) goes into a file, whose last lines are shown when something goes wrong.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.kernel.console import Lines, Said, parse
from tests.kernel.trouble import Trouble

QEMU = "qemu-system-x86_64"
QUIET_SECONDS = 300.0


@dataclass(frozen=True)
class Hardware:
    """`accel` is tcg or kvm; `memory` in MB."""

    accel: str = "tcg"
    memory: int = 2048
    processors: int = 2

    def words(self) -> list[str]:
        processor = "host" if self.accel == "kvm" else "max"
        return ["-accel", self.accel, "-cpu", processor, "-m", str(self.memory), "-smp", str(self.processors)]


@dataclass(frozen=True)
class Disk:
    """A drive in the order of /dev/vda, vdb…; `source` is a file or what QEMU takes for one."""

    source: str
    read_only: bool = True

    def words(self, number: int) -> list[str]:
        only = ",readonly=on" if self.read_only else ""
        drive = f"if=none,id=d{number},format=raw,cache=writeback,file={self.source}{only}"
        sectors = "" if self.read_only else ",logical_block_size=4096,physical_block_size=4096"
        return ["-drive", drive, "-device", f"virtio-blk-pci,drive=d{number}{sectors}"]


class Machine:
    """Start it with `with`; `said` gives what it says."""

    def __init__(self, kernel: Path, initrd: Path, disks: Sequence[Disk], options: Mapping[str, str],
                 console: Path, hardware: Hardware) -> None:  # fmt: skip
        words = " ".join(f"heddle.{name}={value}" for name, value in options.items())
        append = f"console=ttyS0 quiet panic=-1 random.trust_cpu=on {words}"
        self._command = [
            QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", *hardware.words(),
            "-kernel", str(kernel), "-initrd", str(initrd), "-append", append, "-nic", "none",
            "-serial", f"file:{console}", "-serial", "stdio",
        ]  # fmt: skip
        for number, disk in enumerate(disks):
            self._command += disk.words(number)
        self._console = console
        self._lines = Lines()
        self._ahead: deque[Said] = deque()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Machine:
        if shutil.which(QEMU) is None:
            raise Trouble(f"{QEMU} is not installed: apt-get install qemu-system-x86")
        watched = ["setpriv", "--pdeathsig", "KILL", *self._command]
        self._process = subprocess.Popen(watched, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def cut(self) -> None:
        """Take its power away, and wait until it is gone."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            self._process.wait()

    def said(self, seconds: float) -> Iterator[Said]:
        """What it says until it ends.  Raises `Trouble` when that takes longer, or it says nothing for minutes."""
        assert self._process is not None and self._process.stdout is not None
        stream, end = self._process.stdout.fileno(), time.monotonic() + seconds
        while True:
            left = min(end - time.monotonic(), QUIET_SECONDS)
            if left <= 0 or not select.select([stream], [], [], left)[0]:
                what = f"was not done within {seconds:g} s" if left < QUIET_SECONDS else "says nothing any more"
                raise Trouble(f"the virtual machine {what}; the kernel said last:\n{self.last_words()}")
            data = os.read(stream, 65536)
            if not data:
                return
            self._ahead.extend(map(parse, self._lines.feed(data)))
            while self._ahead:
                yield self._ahead.popleft()

    def rest(self) -> list[Said]:
        """What it had said when its power was cut, and was not read yet."""
        assert self._process is not None and self._process.stdout is not None
        said = list(self._ahead)
        while data := os.read(self._process.stdout.fileno(), 65536):
            said += map(parse, self._lines.feed(data))
        return said

    def last_words(self, count: int = 15) -> str:
        """The end of the kernel's messages."""
        try:
            text = self._console.read_text("utf-8", "replace")
        except OSError:
            return "  nothing"
        return "\n".join(f"  {line}" for line in text.splitlines()[-count:])
