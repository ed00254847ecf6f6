"""Associations of SCTP where the connection table has none: Open vSwitch's userspace datapath (3.1) tracks SCTP by its
addresses alone.

The pipeline has the switch learn, for each association that a port's rules agreed to, a flow for either direction
(`agent/association_flows.py`), with the port's number, the network's tag, addresses and ports.  Learned flows are no
difference to what the agent wants, as those of routers that move are none; what it wants of them is here: to see which
there are, and to cut or forget one.  One that is cut keeps a flow for its answers, which drops them: the other end's
next frame would else begin it anew, the other way round (`connection.py`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from heddle.host.connection import CUT, Tracked
from heddle.host.openflow import HA_PREFIX, OFCTL
from heddle.host.run import run

TABLE, PRIORITY, IDLE = 39, 10, 210
SCTP = 132
INITIATOR, RESPONDER = 1, 2
KNOWN, ENDED = 2, 3  # what reg14 says of a frame (`agent/association_flows.py`)
_COOKIE, _MASK, _ANSWERS = HA_PREFIX << 48 | 0x84 << 8, "0xffffffff0000ff00", 0x10
_LINE = re.compile(
    r"cookie=0x([0-9a-f]+),.*?\breg5=0x([0-9a-f]+),reg6=0x([0-9a-f]+),(?:nw|ipv6)_src=([^,]+),(?:nw|ipv6)_dst=([^,]+),"
    r"tp_src=(\d+),tp_dst=(\d+) actions=.*?0x([0-9a-f]+)->"
)


def cookie_of(zone: int, side: int, answers: bool) -> int:
    """That of the flows of a network whose port began the association or was begun with (`side`), for what goes on or
    answers."""
    return _COOKIE | zone << 16 | side | (_ANSWERS if answers else 0)


def read_associations(bridge: str) -> list[Tracked]:
    """All that there are, each as the port's side knows it.  Raises `CommandError`."""
    text = run([*OFCTL, "--no-stats", "dump-flows", bridge, f"table={TABLE},cookie=0x{_COOKIE:x}/{_MASK}"])
    return list(dict.fromkeys(parse_associations(text)))


def parse_associations(text: str) -> Iterator[Tracked]:
    """The lines of a dump; those of the frames that go on and of those that answer say the same."""
    for cookie, number, tag, source, target, source_port, target_port, state in _LINE.findall(text):
        side = int(cookie, 16) & 0xF
        ends = (source, target), (int(source_port), int(target_port))
        if int(cookie, 16) & _ANSWERS:
            ends = (target, source), (int(target_port), int(source_port))
        mark = CUT if int(state, 16) == ENDED else side
        yield Tracked(int(tag, 16), SCTP, *ends[0], *ends[1], mark=mark, number=int(number, 16), side=side)


def cutting(each: Tracked) -> list[str]:
    """The lines of a bundle that cut one: what goes on meets the rules, what answers is dropped."""
    ended = (
        f"flow add cookie=0x{cookie_of(each.zone, each.side, True):016x},idle_timeout={IDLE},{_place(each, True)},"
        f"actions=set_field:{ENDED}->reg14"
    )
    return [f"flow delete_strict {_place(each, False)}", ended]


def forgetting(each: Tracked) -> list[str]:
    """The lines of a bundle that forget one."""
    return [f"flow delete_strict {_place(each, answers)}" for answers in (False, True)]


def among(known: Iterable[Tracked], ended: Collection[tuple[int, str]]) -> list[Tracked]:
    """Those of (zone, address) pairs, "" for all of a zone."""
    wanted = set(ended)
    return [
        each for each in known
        if not wanted.isdisjoint((each.zone, address) for address in ("", each.source, each.target))
    ]


def change(bridge: str, lines: Collection[str]) -> None:
    """Apply the lines of a bundle.  Raises `CommandError`."""
    if lines:
        run([*OFCTL, "bundle", bridge, "-"], "".join(line + "\n" for line in lines))


def _place(each: Tracked, answers: bool) -> str:
    ends = [(each.source, each.source_port), (each.target, each.target_port)]
    (source, source_port), (target, target_port) = reversed(ends) if answers else ends
    kind, field = ("sctp6", "ipv6") if ":" in source else ("sctp", "nw")
    return (
        f"table={TABLE},priority={PRIORITY},{kind},reg5=0x{each.number:x},reg6=0x{each.zone:x},{field}_src={source},"
        f"{field}_dst={target},tp_src={source_port},tp_dst={target_port}"
    )
