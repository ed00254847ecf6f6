"""OpenFlow: the flows of a bridge, changed in bundles and compared by Open vSwitch itself.

`Flows.apply` hands a batch to one `ovs-ofctl --bundle`: all of it takes effect at once or not at all.
A process that waits with its stdin open is started ahead of need, so that a change does not wait for
the start of one.  `Flows.differences` gives what differs between a bridge and the flows that should be
there; Open vSwitch's own comparison is used, which knows all the ways to write the same match.

Every flow of ours has a cookie of our prefix; its lower 48 bits say which object the flow is for.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from heddle.host.run import CommandError, finish, run, start

log = logging.getLogger(__name__)

COOKIE_PREFIX = 0x4EDD
HA_PREFIX = 0x4EDE  # of flows that come and go without the agent, and so are no difference (`ha_gate.py`)
OFCTL = ("ovs-ofctl", "-O", "OpenFlow15", "--no-names")
RETRY = 0.02
IDLE = 30.0
HELLO = b"\x05\x00\x00\x08\x00\x00\x00\x00"


class FlowKey(NamedTuple):
    """What makes a flow unique on a bridge.  `match` as ovs-ofctl reads it, without priority and table."""

    table: int
    priority: int
    match: str


class FlowBody(NamedTuple):
    actions: str
    cookie: int


FlowSet = dict[FlowKey, FlowBody]


@dataclass(frozen=True)
class Difference:
    """A flow that is `found` and not expected, `expected` and not found, or both where its actions differ."""

    cookie: int
    expected: str
    found: str


def cookie_of(object_id: str) -> int:
    """The cookie of the flows that are there for an object."""
    digest = hashlib.blake2b(object_id.encode(), digest_size=6).digest()
    return COOKIE_PREFIX << 48 | int.from_bytes(digest, "big")


def is_ours(cookie: int) -> bool:
    return cookie >> 48 == COOKIE_PREFIX


def text_of(key: FlowKey, body: FlowBody) -> str:
    match = f",{key.match}" if key.match else ""
    return f"cookie=0x{body.cookie:016x},table={key.table},priority={key.priority}{match},actions={body.actions}"


def changes(old: Mapping[FlowKey, FlowBody], new: Mapping[FlowKey, FlowBody]) -> list[str]:
    """The lines of a bundle that make `new` of `old`."""
    lines = [_deletion(key) for key in old if key not in new]
    lines += ["add " + text_of(key, body) for key, body in new.items() if old.get(key) != body]
    return lines


def _deletion(key: FlowKey) -> str:
    match = f",{key.match}" if key.match else ""
    return f"delete_strict table={key.table},priority={key.priority}{match}"


class Flows:
    """The flows of one bridge."""

    def __init__(self, bridge: str) -> None:
        self.bridge = bridge
        self._command = [*OFCTL, "--bundle", "add-flows", bridge, "-"]
        self._lock = threading.Lock()
        self._waiting: subprocess.Popen[str] | None = None
        self._since = 0.0

    def warm_up(self) -> None:
        """Have the process of the next `apply` started, beside what the caller does."""
        threading.Thread(target=self._start, name="warm-up", daemon=True).start()

    def _start(self) -> None:
        with self._lock, contextlib.suppress(CommandError):
            if self._waiting is None:
                self._waiting = start(self._command)
                self._since = time.monotonic()

    def cool_down(self) -> None:
        """End the waiting process when nothing has needed it for a while."""
        with self._lock:
            if self._waiting is None or time.monotonic() - self._since < IDLE:
                return
            process, self._waiting = self._waiting, None
        process.kill()
        process.communicate()

    def _take(self) -> subprocess.Popen[str]:
        with self._lock:
            process, self._waiting = self._waiting, None
        if process is not None and process.poll() is not None:
            process.communicate()
            process = None
        return process or start(self._command)

    def apply(self, lines: Iterable[str]) -> None:
        """Run the lines of `changes` as one bundle.  Raises `CommandError`; then nothing was changed."""
        text = "".join(line + "\n" for line in lines)
        if not text:
            return
        finish(self._take(), text)

    def match_first_fragments(self) -> None:
        """Have their ports matched, which are 0 else (ovs-fields(7)), until vswitchd ends.  Raises `CommandError`."""
        run([*OFCTL, "set-frags", self.bridge, "nx-match"])

    def differences(self, flows: Mapping[FlowKey, FlowBody]) -> list[Difference]:
        """What differs from these flows.  Raises `CommandError` when the bridge cannot be read."""
        text = "".join(text_of(key, body) + "\n" for key, body in flows.items())
        process = start([*OFCTL, "diff-flows", self.bridge, "/dev/stdin"])
        try:
            output, errors = process.communicate(text, timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise CommandError([*OFCTL, "diff-flows", self.bridge], None, "killed after 30 s") from None
        if process.returncode not in (0, 2):
            raise CommandError([*OFCTL, "diff-flows", self.bridge], process.returncode, errors)
        return [each for each in parse_differences(output) if each.cookie >> 48 != HA_PREFIX]

    def dump(self) -> list[str]:
        """The flows as text, without counters.  Raises `CommandError`."""
        output = run([*OFCTL, "--no-stats", "dump-flows", self.bridge])
        return [line.strip() for line in output.splitlines() if line.strip()]

    def close(self) -> None:
        with self._lock:
            process, self._waiting = self._waiting, None
        if process is not None:
            process.kill()
            process.communicate()


def repairs(differences: Iterable[Difference]) -> list[str]:
    """The lines of a bundle that put right what differs."""
    lines = []
    for each in differences:
        if not each.expected:
            lines.append("delete_strict " + re.sub(r"\bcookie=0x[0-9a-f]+", "", each.found.partition(" actions=")[0]))
    return lines + ["add " + each.expected for each in differences if each.expected]


def stated(text: str) -> tuple[FlowKey, FlowBody]:
    """A flow as Open vSwitch prints it."""
    head, _, actions = text.partition(" actions=")
    parts = [part for part in re.split(r"[ ,]+", re.sub(r"\bcookie=0x[0-9a-f]+", "", head)) if part]
    named = dict(part.split("=", 1) for part in parts if part.startswith(("table=", "priority=")))
    match = ",".join(part for part in parts if not part.startswith(("table=", "priority=")))
    key = FlowKey(int(named.get("table", 0)), int(named.get("priority", 32768)), match)
    return key, FlowBody(actions, _cookie_in(text))


def parse_differences(output: str) -> Iterator[Difference]:
    """The lines of `ovs-ofctl diff-flows`: -found, +expected, with the same match one after the other."""
    lines = [line for line in output.splitlines() if line[:1] in "+-" and line]
    place = 0
    while place < len(lines):
        line = lines[place]
        following = lines[place + 1] if place + 1 < len(lines) else ""
        if line[0] == "-" and following[:1] == "+" and _match_of(line) == _match_of(following):
            yield Difference(_cookie_in(following), following[1:], line[1:])
            place += 2
            continue
        yield Difference(_cookie_in(line), *((line[1:], "") if line[0] == "+" else ("", line[1:])))
        place += 1


def _match_of(line: str) -> str:
    return re.sub(r" cookie=0x[0-9a-f]+", "", line[1:].partition(" actions=")[0])


def _cookie_in(line: str) -> int:
    found = re.search(r"\bcookie=0x([0-9a-f]+)", line)
    return int(found[1], 16) if found else 0
