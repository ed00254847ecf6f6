"""The agent in a process of its own: run_agent.py <bus socket> <section.name=value>..."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from heddle.agent.run import run_agent
from heddle.bus.local import LocalAgentBus
from heddle.config import load

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s.%(msecs)03d %(levelname)s %(name)s %(message)s")
    run_agent(load(overrides=sys.argv[2:]), LocalAgentBus(Path(sys.argv[1])))
