"""Where what a port sends enters br-int: within its limits, and marked.  Pure.

A flow can name one meter, so the second limit of a port is in a table of its own; another marks, where a policy does.
"""

from __future__ import annotations

from collections.abc import Iterable

from heddle.agent.addresses import Builder
from heddle.agent.policing import Policing
from heddle.host.flow_meters import Meter

CLASSIFY, METER, MARK = 0, 1, 2
_OF_A_PORT = 2


def meters_of(port: int, policing: Policing) -> dict[int, Meter]:
    """The meters of what a port sends, by number; `port` is the number of the port."""
    return {_OF_A_PORT * port + place: meter for place, meter in enumerate(policing.sent)}


def enter(b: Builder, sender: str, meters: Iterable[int], dscp: int, actions: str) -> None:
    """What a port sends (the match `sender`) meets its meters and is marked, and then these actions."""
    if dscp >= 0:
        for version in ("ip", "ipv6"):
            b.add(MARK, 20, f"{version},{sender}", f"set_field:{dscp}->ip_dscp,{actions}")
        b.add(MARK, 10, sender, actions)
        actions = f"resubmit(,{MARK})"
    first, *others = tuple(meters) or (0,)
    for number in others:
        b.add(METER, 10, sender, f"meter:{number},{actions}")
        actions = f"resubmit(,{METER})"
    b.add(CLASSIFY, 10, sender, f"meter:{first},{actions}" if first else actions)
