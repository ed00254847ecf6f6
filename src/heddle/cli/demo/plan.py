"""What must be so, as rows: who, to whom, by what, and whether it may arrive; `check` says how it is tried.

Between the rows stand the changes of blue's security group.  `target` is an address, or the name of one that is
known only when it runs: "floating" blue's floating IP, "internet" the far address outside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from heddle.cli.demo import build
from heddle.cli.demo import probes as p
from heddle.cli.demo.table import Row

YES, NO, NOT_FOUND = "yes", "no", "not found"


@dataclass(frozen=True, slots=True)
class Change:
    """Something that a tenant asks the API for between two rows."""

    what: str
    make: Callable[[build.Lab], None]


PLAN: tuple[Row | Change, ...] = (
    Row("blue-a", "blue-b", "ping, same network", YES, p.reaches, "10.0.0.12"),
    Row("red-a", "red-b", "ping, same network", YES, p.reaches, "10.0.0.14"),
    Row("blue-a", "blue-c", "ping, by its router", YES, p.reaches, "10.0.1.13"),
    Row("blue-c", "blue-b", "ping, by its router", YES, p.reaches, "10.0.0.12"),
    Row("blue-a", "red-b", "ping 10.0.0.14", NO, p.stays_away, "10.0.0.14"),
    Row("red-a", "blue-b", "ping 10.0.0.12", NO, p.stays_away, "10.0.0.12"),
    Row("red-a", "blue-c", "ping 10.0.1.13", NO, p.stays_away, "10.0.1.13"),
    Row("blue-a", "red", "raw frames", NO, p.frames_stay_away),
    Row("red-a", "blue", "raw frames", NO, p.frames_stay_away),
    Row("blue-b", "outside", "tcp, SNAT", "as router", p.leaves_as, "internet"),
    Row("red-a", "outside", "tcp, SNAT", "as router", p.leaves_as, "internet"),
    Row("blue-a", "outside", "tcp, floating IP", "as floating IP", p.leaves_as, "internet"),
    Row("outside", "blue-a", "ping floating IP", NO, p.stays_away, "floating"),
    Row("outside", "blue-a", "tcp floating IP", NO, p.is_refused, "floating"),
    Change("blue adds a rule", build.open_web),
    Row("outside", "blue-a", "ping, rule added", YES, p.reaches, "floating"),
    Row("outside", "blue-a", "tcp, rule added", YES, p.connects, "floating"),
    Change("blue removes the rule", build.close_web),
    Row("outside", "blue-a", "ping, rule removed", NO, p.stays_away, "floating"),
    Row("outside", "blue-a", "tcp, rule removed", NO, p.is_refused, "floating"),
    Row("blue-a", "blue-b", "spoofed MAC", NO, p.spoofed_is_dropped, "mac"),
    Row("blue-a", "blue-b", "spoofed IP", NO, p.spoofed_is_dropped, "ip"),
    Row("red", "blue", "API: list", NOT_FOUND, p.is_not_listed),
    Row("red", "blue", "API: show", NOT_FOUND, p.is_not_shown),
    Row("red", "blue", "API: delete", NOT_FOUND, p.is_not_deleted),
)
