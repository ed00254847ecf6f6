"""The loop of the HTTP server, and its end: what was accepted is answered first.

Told to stop, a process takes what waits at its sockets, closes these, so that whoever comes then is refused and goes to
another server, and answers what it has for up to `DRAIN_SECONDS`.  A connection on which nothing is asked is closed.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, MultiSocketServer

DRAIN_SECONDS = 5.0
THREADS_SECONDS = 1.0  # for requests that are worked on still: who supervises the process kills it after ten
LATE_SECONDS = 0.2  # for the request of who has just connected
_WAITING = 100  # connections that one pass each takes from a socket


def run(server: BaseWSGIServer | MultiSocketServer, stopping: threading.Event) -> None:
    """Until `stopping` is set and what was accepted by then is answered."""
    sockets: dict[int, Any] = server.map if isinstance(server, MultiSocketServer) else server._map
    while not stopping.is_set():
        _turn(server, sockets, server.adj.asyncore_loop_timeout)
    for _ in range(_WAITING):
        _turn(server, sockets, 0.0)
    for each in list(sockets.values()):
        if isinstance(each, BaseWSGIServer):
            wasyncore.dispatcher.close(each)
    began = time.monotonic()
    while (took := time.monotonic() - began) < LATE_SECONDS or (took < DRAIN_SECONDS and _is_busy(sockets)):
        _turn(server, sockets, 0.05)
    server.task_dispatcher.shutdown(timeout=THREADS_SECONDS)
    wasyncore.close_all(sockets)


def wake(server: BaseWSGIServer | MultiSocketServer) -> None:
    """Have the loop look whether it is to stop; from a signal handler too."""
    listener = server if isinstance(server, BaseWSGIServer) else None
    for each in (listener,) if listener else server.map.values():
        if isinstance(each, BaseWSGIServer):
            each.pull_trigger()
            return


def _turn(server: BaseWSGIServer | MultiSocketServer, sockets: dict[int, Any], timeout: float) -> None:
    wasyncore.loop(timeout=timeout, map=sockets, use_poll=server.adj.asyncore_use_poll, count=1)


def _is_busy(sockets: dict[int, Any]) -> bool:
    """Whether something is being read, worked on or written."""
    channels = [each for each in list(sockets.values()) if isinstance(each, HTTPChannel)]
    return any(each.requests or each.request is not None or each.total_outbufs_len for each in channels)
