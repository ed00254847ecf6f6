"""What guests hear of advertisements that end: before the change is made, while the router's ports are still wired.

radvd first stops to advertise it, or it might be told again after the goodbye; for that it gets a moment, once for all
routers.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterable

from heddle.agent.roles.router_plan import RouterPlan
from heddle.errors import HeddleError
from heddle.host.radvd import Farewell, Radvd

log = logging.getLogger(__name__)

_RELOADED = 0.05


def say_goodbye(routers: Iterable[tuple[Radvd, Callable[[], RouterPlan]]]) -> None:
    """Each router with what works out how it shall be, which is asked only where something has been advertised."""
    said = [(radvd, gone) for radvd, planned in routers if radvd.speaks and (gone := _retract(radvd, planned))]
    if said:
        time.sleep(_RELOADED)
    for radvd, gone in said:
        with contextlib.suppress(OSError):
            radvd.tell(gone)


def _retract(radvd: Radvd, planned: Callable[[], RouterPlan]) -> list[Farewell]:
    """Nothing while a port of the router waits for a part of the view: it is not known then what is to end."""
    try:
        wanted = planned()
        waits = any(kind == "port" for kind, _ in wanted.problems)
        return [] if waits else radvd.retract(wanted.advertised)
    except (OSError, HeddleError, ValueError) as error:
        log.warning("no goodbye namespace=%s error=%s", radvd.namespace, error)
        return []
