"""Ports of our own namespaces that are on the switch and belong to nothing any more.

A namespace goes before its ports do, and an agent that ends in between finds nothing by which to remember them.  So
each role looks, when it begins and at each audit, for ports that bear its mark and that nothing of it has.
"""

from __future__ import annotations

import logging
from collections.abc import Collection

from heddle.agent.roles.base import Drift
from heddle.agent.roles.plugs import BRIDGE, Plugs
from heddle.host.spaces import Spaces

log = logging.getLogger(__name__)


def drop_strays(
    kind: str, plugs: Plugs, spaces: Spaces, names: Collection[str], waiting: Collection[str], repair: bool = True
) -> list[Drift]:
    """Drop what role `kind` has left, with its devices; returns it, also when it is not to be repaired.

    `names`: the devices of what the role has realised; `waiting`: the ids of the ports of what it could not realise,
    which stay.
    """
    found = [each for each in plugs.marked(kind) if each.name not in names and each.port_id not in waiting]
    if repair:
        for each in found:
            plugs.drop(each.name)
            log.info("stray port dropped role=%s port=%s device=%s", kind, each.port_id, each.name)
        spaces.reap([each.name for each in found])
    return [Drift("port", each.port_id, f"no port {each.name} on {BRIDGE}", "one that nothing has") for each in found]
