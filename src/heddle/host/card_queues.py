"""Queues of a network card (`tc`, HTB): each gets at least its share of what the card may send, and what others leave.

What waits in a queue is at most what the card sends in a fiftieth of a second, or two of the largest segments.  Open
vSwitch's userspace datapath sends all frames from one socket, whose buffer counts what waits in all queues: there they
are so short that together they leave room in it, or a full one would hold up the others.

The root of our queues has the handle 4ed:, by which they are known after a restart.  A card whose root is neither the
kernel's default nor ours is somebody's, and left alone.  Shares change in place, while packets wait and go: only the
first queues of a card, and the end of the last, exchange its queueing discipline.

Open vSwitch takes away what it did not make at its ports when it starts, but for ports with a QoS of the type
`linux-noop` (`ovs_qos.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from heddle.errors import HeddleError
from heddle.host.run import run

HANDLE = "4ed:"
_WHOLE, _OTHERS = "ffff", "1"
FIRST, LAST = 2, 0x7FF0
_WAITING = 0x8000
_LEAST_BURST, _LEAST_QUANTUM, _MOST_QUANTUM = 3_200, 1_600, 200_000
_LEAST_LENGTH = 1 << 17
_IN_SOCKET = 80  # frames of 1500 bytes: the kernel's default (net.core.wmem_default) holds 92
DEFAULT = "0:"


class CardInUse(HeddleError):
    """A card has a queueing discipline that somebody else made."""


@dataclass(frozen=True, slots=True)
class Queues:
    """`kbps`: what the card may send; `others`: what of it all without a queue have; `shares`: by number of a queue.

    `one_socket`: all that is sent comes from one socket.
    """

    kbps: int
    others: int
    shares: Mapping[int, int]
    one_socket: bool = False

    @property
    def waiting(self) -> str:
        """How much may wait in each, as `tc` is told."""
        if self.one_socket:
            return f"pfifo limit {max(4, _IN_SOCKET // (len(self.shares) + 1))}"
        return f"bfifo limit {max(_LEAST_LENGTH, self.kbps * 125 // 50)}"


def cards_with_queues() -> set[str]:
    """The cards with queues of ours.  Raises `CommandError`."""
    return {each["dev"] for each in _roots() if each["kind"] == "htb" and each["handle"] == HANDLE}


def put(card: str, queues: Queues) -> dict[str, str]:
    """Make or change the queues; other ones stay.  Returns how they look, by number.

    Raises `CommandError`, and `CardInUse`.
    """
    roots = [each for each in _roots() if each["dev"] == card]
    if any(each["handle"] not in (HANDLE, DEFAULT) for each in roots):
        kinds = ", ".join(f"{each['kind']} {each['handle']}" for each in roots)
        raise CardInUse(
            f"the card {card} has a queueing discipline that Heddle did not make ({kinds}): if nothing needs it, "
            f"remove it with: tc qdisc del dev {card} root"
        )
    fresh = not any(each["handle"] == HANDLE for each in roots)
    run(["tc", "-batch", "-"], "".join(f"{line}\n" for line in _lines(card, queues, fresh)))
    return look(card)


def look(card: str) -> dict[str, str]:
    """How the queues look, by number as `tc` writes it; empty where there are none.  Raises `CommandError`."""
    found = {}
    for line in run(["tc", "class", "show", "dev", card]).splitlines():
        words = line.split()
        if words[:2] == ["class", "htb"] and words[2].startswith(HANDLE):
            found[words[2].removeprefix(HANDLE)] = " ".join(words[3:])
    return found


def names_of(queues: Queues) -> set[str]:
    """The numbers of the queues as `look` tells them."""
    return {_WHOLE, _OTHERS, *(f"{number:x}" for number in queues.shares)}


def drop_unused(card: str, kept: Queues) -> None:
    """Remove the queues that nobody has any more and in which nothing waits.  Raises `CommandError`."""
    gone = look(card).keys() - names_of(kept)
    for number in sorted(gone):
        text = run(["tc", "-s", "class", "show", "dev", card, "classid", f"{HANDLE}{number}"])
        if "backlog 0b 0p" in text:
            run(["tc", "class", "del", "dev", card, "classid", f"{HANDLE}{number}"])


def remove(card: str) -> bool:
    """Give a card the kernel's default back.  False where its queueing discipline is somebody else's, which stays.

    Raises `CommandError`.
    """
    handles = [each["handle"] for each in _roots() if each["dev"] == card]
    if HANDLE in handles:
        run(["tc", "qdisc", "del", "dev", card, "root", "handle", HANDLE])
    return all(handle in (HANDLE, DEFAULT) for handle in handles)


def _roots() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(["tc", "-j", "qdisc", "show"]) or "[]")
    return [each for each in found if each.get("root")]


def _lines(card: str, queues: Queues, fresh: bool) -> list[str]:
    biggest = max([queues.others, *queues.shares.values()])
    lines = [f"qdisc add dev {card} root handle {HANDLE} htb default {_OTHERS}"] if fresh else []
    whole = f"rate {queues.kbps}kbit ceil {queues.kbps}kbit {_bursts(queues.kbps, queues.kbps)}"
    lines.append(f"class replace dev {card} parent {HANDLE} classid {HANDLE}{_WHOLE} htb {whole}")
    for number, kbps in {int(_OTHERS): queues.others, **queues.shares}.items():
        share = max(_LEAST_QUANTUM, _MOST_QUANTUM * kbps // biggest)
        lines.append(
            f"class replace dev {card} parent {HANDLE}{_WHOLE} classid {HANDLE}{number:x} htb rate {kbps}kbit "
            f"ceil {queues.kbps}kbit {_bursts(kbps, queues.kbps)} quantum {share}"
        )
        handle = f"{_WAITING + number:x}:"
        lines.append(f"qdisc replace dev {card} parent {HANDLE}{number:x} handle {handle} {queues.waiting}")
    return lines


def _bursts(kbps: int, ceil: int) -> str:
    """What passes in a hundredth of a second."""
    sizes = (max(_LEAST_BURST, rate * 125 // 100) for rate in (kbps, ceil))
    return "burst {} cburst {}".format(*sizes)

