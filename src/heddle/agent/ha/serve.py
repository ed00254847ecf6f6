"""The process itself: `python -m heddle.agent.ha.serve FOLDER`, started by the agent as root.

It has one child, which does the work; one that dies is replaced at once, before other hosts miss it, and finds in the
state file what was active.  SIGHUP: another process takes its place at once, and routers stay as they are.  SIGTERM:
nothing is active here any more, and the others are told.  SIGUSR1: the agent has written something.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from pathlib import Path

from heddle.agent.ha.service import Service
from heddle.host import ha_files
from heddle.host.ha_files import Config
from heddle.host.ha_process import version
from heddle.host.process import die_with

AGAIN = 0.02
_child = 0


def main() -> int:
    folder = Path(sys.argv[1])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, _pass_on)
    (folder / "version").write_text(version(), encoding="ascii")
    (folder / "pid").write_text(f"{os.getpid()}\n", encoding="ascii")
    while not _work(folder):
        time.sleep(AGAIN)
    return 0


def _pass_on(number: int, frame: object) -> None:
    if _child:
        os.kill(_child, number)
    elif number != signal.SIGUSR1:
        raise SystemExit(0)


def _work(folder: Path) -> bool:
    """Have a child do it; whether it has ended as it was told to."""
    global _child
    parent = os.getpid()
    _child = os.fork()
    if not _child:
        die_with(parent)
        os._exit(_serve(folder))
    _, status = os.waitpid(_child, 0)
    _child = 0
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0:
        return True
    logging.warning("the child ended with status %d, another one begins", status)
    return False


def _serve(folder: Path) -> int:
    try:
        config = ha_files.read(folder / "config", Config)
        if config is None:
            return 1
        service = Service(folder, config)
        signal.signal(signal.SIGTERM, lambda *_: service.stop(resting=False))
        signal.signal(signal.SIGHUP, lambda *_: service.stop(resting=True))
        signal.signal(signal.SIGUSR1, lambda *_: service.wake())
        service.run()
        return 0
    except Exception:
        logging.exception("the service ends")
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
