"""`python -m tests.kernel.run`: the demo and the power cuts in a virtual machine with a full kernel.

    demo     the demo of two tenants on the kernel's Open vSwitch datapath: its table, and proof of the datapath
    power    the server in mid-load while the machine loses its power: nothing acknowledged may be lost
    control  a power cut with a disk that lies about flushes: proof that "power" would notice a loss
    real     the tests with packets (tests/real) on the kernel's datapath; long

Without a name, the first two.  Exit status 0 when all was as it should be.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
import time
from pathlib import Path
from typing import TextIO

from tests.kernel import kernel, rootfs
from tests.kernel.console import Heard, on_the_kernel
from tests.kernel.machine import Disk, Hardware, Machine
from tests.kernel.power import control, power
from tests.kernel.trouble import Trouble

REAL = (
    "tests/real/test_switch.py tests/real/test_security.py tests/real/test_uplinks.py tests/real/test_routers.py"
    " tests/real/test_cut.py tests/real/test_connection_limits.py"
)
PROJECT = Path(__file__).resolve().parents[2]


class Stage:
    """What every machine is made of, and the time since the start."""

    def __init__(self, cache: Path, hardware: Hardware, fresh: bool = False, commit: str = "") -> None:
        self.cache, self.hardware = cache, hardware
        self._began = time.monotonic()
        self._lock = _lock(cache)
        self._kernel = kernel.find(cache, fresh)
        self.say(f"kernel {self._kernel.version}")
        self._root = rootfs.image(cache, PROJECT, self._kernel)
        self.say(f"root image {self._root.name}, {self._root.stat().st_blocks // 2048} MB")
        (cache / "initramfs").write_bytes(rootfs.first_files(self._kernel))
        self._checkout = rootfs.checkout(cache, PROJECT, commit)

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:6.1f}s  {text}", flush=True)

    def machine(self, job: str, *disks: Disk, **options: str) -> Machine:
        """A machine that runs the job of that name (a file in guest/)."""
        first = [Disk(str(self._root)), Disk(str(self._checkout))]
        words = {"project": str(PROJECT), "job": job, **options}
        return Machine(self._kernel.image, self.cache / "initramfs", [*first, *disks], words,
                       self.cache / f"console-{job}.log", self.hardware)  # fmt: skip


def _lock(cache: Path) -> TextIO:
    """One run at a time has the cache; the lock is held while the file is open.  Raises `Trouble`."""
    cache.mkdir(parents=True, exist_ok=True)
    file = (cache / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Trouble(f"another run uses {cache}: wait for its end, or give this one a --cache of its own") from None
    return file


def listen(stage: Stage, what: str, machine: Machine, seconds: float) -> Heard:
    """Show what the machine says until it ends.  Raises `Trouble` when it does not say how it ended."""
    heard = Heard()
    stage.say(f"{what}: the machine starts ({stage.hardware.accel}, process {machine.pid})")
    for said in machine.said(seconds):
        heard.take(said)
        if said.kind == "step":
            stage.say(f"{what}: {said.text}")
        elif not said.kind:
            print(said.text, flush=True)
    if heard.result is None:
        raise Trouble(f"the machine ended without a result; the kernel said last:\n{machine.last_words()}")
    if heard.result:
        stage.say(f"{what}: FAILED with status {heard.result} {heard.why}")
    return heard


def demo(stage: Stage, seconds: float, patience: float) -> bool:
    """The demo; whether its expectations were met on the kernel's datapath."""
    with stage.machine("demo", patience=f"{patience:g}") as machine:
        heard = listen(stage, "demo", machine, seconds)
    for name in ("kernel", "datapath_type", "datapath", "ports", "flows", "connections", "left"):
        print(f"         {name:<14} {heard.facts.get(name, '-')}")
    if heard.result:
        return False
    against = on_the_kernel(heard.facts)
    if heard.facts.get("left") != "0":
        against.append("heddle down left something (lines above with >) or removed what was not ours (<)")
    for each in against:
        stage.say(f"demo: FAILED: {each}")
    if not against:
        stage.say("demo: passed on the kernel's datapath")
    return not against


def real(stage: Stage, seconds: float, tests: str, patience: float) -> bool:
    """The tests with packets; `tests`: words for pytest."""
    with stage.machine("real", tests=tests.replace(" ", ","), patience=f"{patience:g}") as machine:
        return listen(stage, "real", machine, seconds).result == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=[[], "demo", "power", "real", "control"], help="default: demo power")
    parser.add_argument("--accel", default=os.environ.get("TEST_VM_ACCEL", "tcg"), choices=["tcg", "kvm"])
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("TEST_VM_SECONDS", "1800")),
                        help="the time limit of one machine")  # fmt: skip
    parser.add_argument("--tests", default=REAL, help=f"real: words for pytest, default {REAL}")
    parser.add_argument("--patience", type=float, default=5, help="multiplies the time limits inside, default 5")
    parser.add_argument("--cuts", type=int, default=3, help="how often the power goes")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 100_000, help="of the moments of the cuts")
    parser.add_argument("--cache", type=Path, default=PROJECT / "build" / "kernel")
    parser.add_argument("--commit", default="", help="take this commit, not the checkout as it is")
    parser.add_argument("--fresh", action="store_true", help="fetch the kernel anew")
    args = parser.parse_args()
    try:
        stage = Stage(args.cache, Hardware(args.accel), args.fresh, args.commit)
        good = True
        if not args.what or "demo" in args.what:
            good = demo(stage, args.seconds, args.patience)
        if not args.what or "power" in args.what:
            good = power(stage, args.seconds, args.cuts, args.seed) and good
        if "real" in args.what:
            good = real(stage, args.seconds, args.tests, args.patience) and good
        if "control" in args.what:
            good = control(stage, args.seconds, args.seed) and good
        return 0 if good else 1
    except Trouble as trouble:
        print(f"test-kernel: {trouble}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
