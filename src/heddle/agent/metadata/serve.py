"""The metadata process: `python -m heddle.agent.metadata.serve FOLDER`, started by the agent as root.

It opens its control socket in a folder of root's, and then gives up all rights.  The agent hands over the sockets
that guests reach; nothing is ever opened here but connections to Nova.  When the agent ends, this goes on with what
it knows; the next agent that connects takes the place of the one before.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import encodings.idna  # noqa: F401  what is imported later could not be read any more
import logging
import os
import resource
import signal
import socket
import sys
import threading
from pathlib import Path

from heddle.agent.metadata.said import said
from heddle.agent.metadata.service import Service
from heddle.host import metadata_wire as wire
from heddle.host.metadata import version
from heddle.host.process import become

log = logging.getLogger(__name__)

USER = "nobody"
_NO_NEW_PRIVILEGES = 38


def main() -> int:
    folder = Path(sys.argv[1])
    words = logging.StreamHandler()
    words.addFilter(said)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", handlers=[words])
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    control = _control(folder)
    service = Service(version())
    if os.geteuid() == 0:
        become(USER)
    ctypes.CDLL(None).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    asyncio.run(_run(service, control))
    return 0


def _control(folder: Path) -> socket.socket:
    """The control socket, listening, and our number beside it."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    path = folder / "control"
    path.unlink(missing_ok=True)
    (folder / "pid").write_text(f"{os.getpid()}\n", encoding="ascii")
    made.bind(str(path))
    path.chmod(0o600)
    made.listen(4)
    return made


async def _run(service: Service, control: socket.socket) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    listening = threading.Thread(target=_listen, args=(service, control, loop), name="control", daemon=True)
    listening.start()
    await ended.wait()
    service.close()


def _listen(service: Service, control: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
    """One agent after the other; a newer one ends the connection of the one before."""
    current: socket.socket | None = None
    while True:
        connection, _ = control.accept()
        if current is not None:
            with contextlib.suppress(OSError):
                current.shutdown(socket.SHUT_RDWR)
        current = connection
        threading.Thread(target=_obey, args=(service, connection, loop), name="agent", daemon=True).start()


def _obey(service: Service, connection: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
    with connection:
        while True:
            try:
                message, descriptors = wire.receive(connection)
                answer = asyncio.run_coroutine_threadsafe(service.take(message, descriptors), loop).result()
                if answer is not None:
                    wire.send(connection, answer)
            except EOFError:
                return
            except (OSError, ValueError) as error:
                log.warning("the agent's connection ends: %s", error)
                return


if __name__ == "__main__":
    raise SystemExit(main())
