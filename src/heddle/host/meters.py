"""What a router forwards, counted: a named nftables counter per label, in a table of its own.

The counters outlive everything but their label and the namespace: a change of rules is one transaction that empties
and fills the chains and leaves the counters as they are, and an agent that starts finds them by their names.

    m-<label>.<since>   the counter of a label; `since` is when it was made, so that a reader can tell a counter that
                        went on from one that began at 0 again
    l-<label>           the chain with the label's rules; a packet counts once, and an excluded one not at all
    forward             the base chain, behind the one that drops: what is not forwarded is not counted

Counters are read over netlink, which costs some microseconds and no process.
"""

from __future__ import annotations

import re
import struct
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from heddle.host.netlink import DUMP, Netlink, Request, attributes, text, within
from heddle.host.netns import Namespace, path_of
from heddle.host.nft import UNKNOWN, Chain, Table, canonical, generation, listed, load, render

NAME = "heddle_meters"
_GET_OBJECTS = 10 << 8 | 19
_INET = 1
_COUNTER = 1
_OWN = re.compile(r"m-(.+)\.(\d+)")
_BLOCK = re.compile(r"^\t(chain|counter) (\S+) \{", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Match:
    """Packets, as nft writes what they match; `counted` or, when an earlier one says so, not."""

    packets: str
    counted: bool


@dataclass(frozen=True, slots=True)
class Count:
    """`since` in milliseconds since the epoch; bytes of IP packets with their headers."""

    label: str
    since: int
    packets: int
    bytes: int


Labels = Mapping[str, tuple[Match, ...]]


def read(filter: Netlink) -> list[Count]:
    """All counters of the namespace of the socket."""
    found = []
    for name, (packets, size) in counters(filter, NAME).items():
        own = _OWN.fullmatch(name)
        if own:
            found.append(Count(own[1], int(own[2]), packets, size))
    return sorted(found, key=lambda count: count.label)


def counters(filter: Netlink, table: str) -> dict[str, tuple[int, int]]:
    """Packets and bytes of the named counters of a table of the family inet, in the namespace of the socket."""
    body = struct.pack("=BBH", _INET, 0, 0) + text(1, table)
    found = {}
    for _, answer in filter.ask(Request(_GET_OBJECTS, body, DUMP, "nftables counters")):
        fields = attributes(answer, 4)
        if _text(fields.get(1, b"")) == table and int.from_bytes(fields.get(3, b""), "big") == _COUNTER:
            numbers = attributes(fields.get(4, b""))
            packets, size = (int.from_bytes(numbers.get(kind, b""), "big") for kind in (2, 1))
            found[_text(fields.get(2, b""))] = packets, size
    return found


def table(labels: Labels, since: Mapping[str, int]) -> Table:
    """The table; `since` tells of each label when its counter was made."""
    chains = []
    for label, matches in sorted(labels.items()):
        count = f'counter name "{_counter(label, since)}" '
        rules = (f"{match.packets} {count if match.counted else ''}return" for match in matches)
        chains.append(Chain(f"l-{label}", "", tuple(rules)))
    jumps = tuple(f"jump {chain.name}" for chain in chains)
    base = Chain("forward", "type filter hook forward priority filter + 10; policy accept;", jumps)
    return Table("inet", NAME, (), (*chains, base), tuple(_counter(label, since) for label in sorted(labels)))


def change(there: str, wanted: Table) -> str:
    """A script, one transaction, that leads from what nft has listed ("": nothing) to the table, and keeps counters."""
    here = f"{wanted.family} {wanted.name}"
    had = {(kind, name) for kind, name in _BLOCK.findall(there)}
    lines = [f"add table {here}", f"flush table {here}"]
    lines += [f"add counter {here} {name}" for name in wanted.counters if ("counter", name) not in had]
    lines += [f"delete chain {here} {name}" for kind, name in sorted(had) if kind == "chain"]
    lines += [f"delete counter {here} {name}" for kind, name in sorted(had - {("counter", n) for n in wanted.counters})
              if kind == "counter"]  # fmt: skip
    for chain in wanted.chains:
        lines.append(f"add chain {here} {chain.name}" + (f" {{ {chain.hook} }}" if chain.hook else ""))
        lines += [f"add rule {here} {chain.name} {rule}" for rule in chain.rules]
    return "".join(f"{line}\n" for line in lines)


class Meters:
    """The counters of a namespace.  Without labels there is no table."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._labels: Labels | None = None
        self._generation = UNKNOWN
        self._looks = ""

    def ensure(self, labels: Labels) -> str:
        """Make them count so.  Returns "same", "changed", or "drift" when they were not as they had been left.

        Raises `CommandError` when nft refuses.
        """
        now = generation(self._namespace.filter)
        before = self._labels
        if labels == before and now == self._generation:
            return "same"
        if labels != before:
            self._looks = ""
        wanted, there = self._look(labels)
        if not self._differ(labels, wanted, there):
            self._labels, self._generation = labels, now
            return "same"
        self._labels = None
        script = change(there, wanted) if labels else f"delete table {wanted.family} {wanted.name}\n"
        self._generation = within(path_of(self._namespace.name), lambda: load(self._namespace.filter, script, now))
        self._labels = labels
        if labels != before:
            return "changed"
        self._looks = canonical(listed(self._namespace, wanted))
        return "drift"

    def disturbed(self, labels: Labels) -> bool:
        """Whether `ensure` would find something else than it had left."""
        if self._labels != labels or generation(self._namespace.filter) == self._generation:
            return False
        wanted, there = self._look(labels)
        return self._differ(labels, wanted, there)

    def read(self) -> list[Count]:
        return read(self._namespace.filter)

    def _look(self, labels: Labels) -> tuple[Table, str]:
        """The table as it is to be, and what is there."""
        since = {count.label: count.since for count in self.read()}
        now = time.time_ns() // 1_000_000
        wanted = table(labels, {label: since.get(label, now) for label in labels})
        return wanted, listed(self._namespace, wanted) if labels or since else ""

    def _differ(self, labels: Collection[str], wanted: Table, there: str) -> bool:
        if not labels:
            return bool(there)
        return canonical(there) not in (canonical(render(wanted)), self._looks or None)


def _counter(label: str, since: Mapping[str, int]) -> str:
    return f"m-{label}.{since[label]}"


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="replace")
