"""Power cuts in mid-load: the server's database is on a disk that forgets (disk.py), and QEMU is killed.

Each round boots the machine, looks at what the last cut left (the file system, the database's integrity, its schema,
the server's start, every port), holds that against what was promised (promises.py), and makes load until the
next cut, which comes after a random number of answers and of writes to the disk.  The last round only looks.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.kernel import rootfs
from tests.kernel.console import Heard, Said
from tests.kernel.disk import Cached, Loss, Server
from tests.kernel.machine import Disk, Machine
from tests.kernel.promises import Promises
from tests.kernel.trouble import Trouble

if TYPE_CHECKING:
    from tests.kernel.run import Stage

MEGABYTES = 192
ANSWERS = (15, 60)
WRITES = (1, 60)
FUSE_SECONDS = 60.0
TOLD = "all ports told"
HEALTHY = {"integrity": "ok", "schema": "head"}


class Cuts:
    """`seed` makes the moments of the cuts and what the disk forgets the same again."""

    def __init__(self, stage: Stage, seconds: float, seed: int, honest: bool = True) -> None:
        self._stage, self._seconds = stage, seconds
        self._chance = random.Random(seed)
        self._honest = honest
        self._image = stage.cache / "power.img"
        self._socket = stage.cache / "power.sock"
        rootfs.make_ext4(self._image, MEGABYTES)
        self.promises = Promises()
        self.problems: list[str] = []

    def run(self, count: int) -> bool:
        """Boot, load, cut, `count` times, and look; whether all promises were kept."""
        disk = self._disk = Cached(self._image, self._honest)
        server = self._server = Server(disk, self._socket)
        try:
            for number in range(count + 1):
                self._boot(number, number < count)
                server.idle.wait()
                loss = disk.lose_power(self._chance)
                if self.problems:
                    return False
                if number < count:
                    self._tell(number + 1, loss, disk.flushes)
        finally:
            server.close()
            disk.close()
            self._socket.unlink(missing_ok=True)
        return True

    def _tell(self, number: int, loss: Loss, flushes: int) -> None:
        self._stage.say(f"power: cut {number}: {self.promises.count} promises so far, {flushes} flushes; of "
                        f"{loss.kept + loss.lost} sectors in the disk's cache {loss.lost} are lost")  # fmt: skip

    def _boot(self, number: int, load: bool) -> None:
        heard = Heard()
        self.promises.boot()
        drive = Disk(f"nbd+unix:///?socket={self._socket}", read_only=False)
        with self._stage.machine("power", drive, load="yes" if load else "no") as machine:
            self._listen(machine, heard, number, load)
            machine.cut()
            for said in machine.rest():
                self._take(said, heard)
        if heard.result is None and not load:
            raise Trouble(f"the machine ended without a result; the kernel said last:\n{machine.last_words()}")
        if heard.result:
            self._wrong(f"round {number + 1} ended with status {heard.result} {heard.why}", heard)

    def _listen(self, machine: Machine, heard: Heard, number: int, load: bool) -> None:
        """Until the moment of the cut, or the machine's own end."""
        answers, enough = 0, self._chance.randint(*ANSWERS)
        for said in machine.said(self._seconds):
            self._take(said, heard)
            if said.kind == "step":
                self._stage.say(f"power: round {number + 1}: {said.text}")
                if said.text == TOLD:
                    self._judge(heard, number)
            answers += said.kind == "mark" and not said.text.startswith(("there", "asked"))
            if self.problems or (load and answers >= enough):
                break
        if load and not self.problems:
            self._disk.light(self._chance.randint(*WRITES))
            self._server.idle.wait(FUSE_SECONDS)

    def _take(self, said: Said, heard: Heard) -> None:
        heard.take(said)
        if said.kind == "mark":
            self.promises.take(said.text)

    def _judge(self, heard: Heard, number: int) -> None:
        if number == 0:
            return
        for name, good in HEALTHY.items():
            if heard.facts.get(name) != good:
                self._wrong(f"the database's {name} is {heard.facts.get(name, 'not told')}", heard)
        for each in self.promises.broken():
            self._wrong(each, heard)
        if not self.problems:
            kept = f"{self.promises.count} promises kept"
            self._stage.say(f"power: round {number + 1}: integrity ok, schema at head, {kept}")
        self.promises.settle()

    def _wrong(self, what: str, heard: Heard) -> None:
        if not self.problems:
            print("\n".join(f"         {line}" for line in heard.output[-30:]), flush=True)
        self.problems.append(what)
        self._stage.say(f"power: FAILED: {what}")


def power(stage: Stage, seconds: float, count: int, seed: int) -> bool:
    stage.say(f"power: {count} cuts, seed {seed}")
    cuts = Cuts(stage, seconds, seed)
    good = cuts.run(count)
    if good:
        stage.say(f"power: passed: {count} cuts in mid-load, {cuts.promises.count} answers promised, none broken")
    return good


def control(stage: Stage, seconds: float, seed: int) -> bool:
    """The same with a disk that lies about flushes: if nothing is lost now, the test is blind."""
    stage.say("power: control: one cut with a disk that does nothing when it is to flush; a loss must be noticed")
    try:
        lost = not Cuts(stage, seconds, seed, honest=False).run(1)
    except Trouble as trouble:
        stage.say(f"power: {trouble}")
        lost = True
    stage.say("power: control: passed: it was noticed" if lost else "power: control: FAILED: nothing was noticed")
    return lost
