"""The process that carries connections: `python -m heddle.agent.ha.connections.process FOLDER`.

Started by the one that decides who is active (`agent/ha/service.py`) and apart from it, so that no flood of connections
holds up what hosts say to each other of routers.  It reads the files in which that process and the agent say what the
routers are here, and ends when its standard input does, which is when that process ends; what it has put into the
kernel stays.
"""

from __future__ import annotations

import logging
import os
import selectors
import sys
from pathlib import Path

from heddle.agent.ha.connections.carrier import Carrier, Routed
from heddle.agent.ha.election import ACTIVE
from heddle.host import ha_files
from heddle.host.ha_files import Config, State
from heddle.host.spaces import allow_descriptors

NICE = 5


def main() -> int:
    folder = Path(sys.argv[1])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    config = ha_files.read(folder / "config", Config)
    if config is None:
        return 1
    os.nice(NICE)
    allow_descriptors()
    carrier = Carrier(config.me, config.address, config.port, bytes.fromhex(config.key))
    ended: list[float] = []
    carrier.selector.register(0, selectors.EVENT_READ, ended.append)
    before: tuple[int, ...] = ()
    while not ended:
        found = stamps(folder)
        if found != before:
            before = found
            config = ha_files.read(folder / "config", Config) or config
            carrier.take_keys(*config.keys)
            carrier.carry(routed(folder))
        carrier.step()
    return 0


def stamps(folder: Path) -> tuple[int, ...]:
    """Others when something has been written."""
    try:
        state = (folder / "state").stat().st_mtime_ns
    except OSError:
        state = 0
    return (state, *ha_files.stamp(folder))


def routed(folder: Path) -> dict[str, Routed]:
    """What the routers are here, and which other hosts have them."""
    config = ha_files.read(folder / "config", Config)
    state = ha_files.read(folder / "state", State)
    if config is None or state is None:
        return {}
    found = {}
    for id, recipe in ha_files.recipes(folder).items():
        if (here := state.routers.get(id)) is not None:
            peers = {host: config.peers[host] for host in recipe.hosts if host != config.me and host in config.peers}
            found[id] = Routed(recipe.namespace, here.state == ACTIVE, here.term, peers)
    return found


if __name__ == "__main__":
    raise SystemExit(main())
