"""The server's processes: the application behind an HTTP server, the bus, and the regular duties.

Each process answers requests, from a listening socket that all share.  What must exist once is the first one's: the
socket that agents are connected to, and the duties (`control/duties.py`).  The others tell it what they committed.
With a broker each process is connected to it, and answers agents.  Nothing that a request is answered from lives in
one process alone: what is remembered about tokens is checked against the database each time, and everything else that
is kept in memory follows from the settings and the policy file, read at the start.
"""

from __future__ import annotations

import gc
import logging
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from socket import socket
from types import FrameType
from typing import Any

from waitress.server import create_server

from heddle import dns, network_types
from heddle.api import serving
from heddle.api.app import App
from heddle.api.auth import EmbeddedAuth
from heddle.api.counts import Counts
from heddle.api.policy import Policy
from heddle.api.ready import Readiness
from heddle.api.routes import known
from heddle.api.services import Services
from heddle.bus.base import ServerBus
from heddle.bus.registry import relay, server_bus, worker_bus
from heddle.bus.relay import RelayBus
from heddle.config import Settings
from heddle.control import dns_publisher, host_keys, reports, segment_ranges, sync
from heddle.control.context import Context
from heddle.control.duties import Keeper
from heddle.errors import ConfigError
from heddle.model.caller import SYSTEM
from heddle.store import migrate
from heddle.store.engine import Store
from heddle.structs import make_ready
from heddle.view.compile import Compiler
from heddle.view.types import FetchReply, FetchRequest, ReportReply, ReportRequest

log = logging.getLogger(__name__)

READ_AND_REFUSED = 64 * 1024 * 1024  # bodies up to here are read (from disk) to be refused in the API's own words
OUTPUT_IN_MEMORY = 32 * 1024 * 1024
COLLECT_EVERY = 50_000
SWITCH_SECONDS = 0.0005
FIRST_SECONDS = 60.0


class AgentCalls:
    """What agents ask over the bus."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings
        self._compiler = Compiler()
        self._keys = host_keys.Keys(store)

    def key(self, host: str) -> str:
        return self._keys.of(host)

    def fetch(self, request: FetchRequest) -> FetchReply:
        return sync.fetch(self._store, self._compiler, request)

    def report(self, request: ReportRequest) -> ReportReply:
        return reports.report(self._store, self._settings, request)


def open_store(settings: Settings) -> Store:
    """The database, at this program's schema."""
    together, publishes = settings.workers > 1, bool(settings.dns.driver)
    store = Store(settings.database_url, settings.database.pool, together=together, publishes=publishes)
    migrate.upgrade(store)
    return store


def make_app(
    settings: Settings, store: Store, counts: Counts | None = None, bus: Callable[[], bool] | None = None
) -> App:
    """The application on a database; `bus`: whether agents reach this process.  Raises `ConfigError`."""
    if settings.identity.auth != "embedded":
        raise ConfigError(f"identity.auth = '{settings.identity.auth}' is not supported: use 'embedded'")
    network_types.check_settings(settings.network)
    dns.driver(settings)
    store.write(lambda tx: segment_ranges.settle_defaults(Context(tx, SYSTEM, settings)))
    auth = EmbeddedAuth(store, settings)
    policy = Policy(settings.identity.policy_file)
    for name in policy.unused:
        log.warning("policy rule decides nothing here file=%s rule=%s", settings.identity.policy_file, name)
    return App(Services(settings, store, policy, auth, Readiness(store, bus), counts or Counts(routes=known())))


def serve(settings: Settings, sockets: Sequence[socket], ready: Callable[[], None], number: int = 1) -> None:
    """Answer requests until SIGTERM, as process `number` of `settings.workers`, where 1 is the first.

    `ready` is called when requests are answered.  Raises `ConfigError`; `BusError` when the first process is missing.
    """
    first = _wait_for_first(settings) if number > 1 else None
    bus: ServerBus = first if first is not None and not settings.bus.url else server_bus(settings)
    store = open_store(settings)
    counts = Counts(Path(settings.paths.run), number, known())
    hears = bus.hears if bus is not first else None
    app = make_app(settings, store, counts, hears)
    make_ready()
    store.on_commit = bus.wake
    stops: list[Callable[[], None]] = [bus.stop]
    if bus is not first:
        bus.start(AgentCalls(store, settings))
    if number == 1 and settings.workers > 1:
        others = relay(settings, bus)
        others.start()
        stops.append(others.stop)
    server = create_server(
        app,
        sockets=list(sockets),
        threads=settings.server.threads,
        max_request_body_size=max(READ_AND_REFUSED, 2 * settings.server.max_body),
        ident=None,
        clear_untrusted_proxy_headers=True,
        channel_timeout=300,
        outbuf_overflow=OUTPUT_IN_MEMORY,
        connection_limit=1000,
    )
    stopping = threading.Event()
    _stop_on_signal(stopping, server)
    threading.Thread(target=counts.keep_telling, args=(store, hears, stopping), name="counts", daemon=True).start()
    if number == 1:
        keeper = Keeper(store, settings, bus.hears)
        threading.Thread(target=keeper.run, args=(stopping,), name="duties", daemon=True).start()
        stops.insert(0, keeper.give_back)
        publisher = dns_publisher.keeper(store, settings)
        if publisher is not None:
            threading.Thread(target=publisher.run, args=(stopping,), name="dns", daemon=True).start()
            stops.insert(0, publisher.give_back)
    log.info("server ready url=%s database=%s process=%d/%d", settings.public_url, store.engine.dialect.name, number,
             settings.workers)  # fmt: skip
    sys.setswitchinterval(SWITCH_SECONDS)  # who comes back from a synced commit has others waiting for its lock
    gc.freeze()  # what was imported stays; a long list is not worth several searches for cycles
    gc.set_threshold(COLLECT_EVERY, 20, 20)
    ready()
    try:
        serving.run(server, stopping)
    except OSError:
        if not stopping.is_set():
            raise
    finally:
        stopping.set()
        for stop in stops:
            stop()
        store.close()
        log.info("server stopped")


def _wait_for_first(settings: Settings) -> RelayBus:
    """The bus to the first process, which has prepared the database when it can be reached."""
    bus = worker_bus(settings)
    bus.start(None)
    bus.wait(FIRST_SECONDS)
    return bus


def _stop_on_signal(stopping: threading.Event, server: Any) -> None:
    """The first signal lets what was accepted be answered; the second ends at once."""

    def stop(number: int, frame: FrameType | None) -> None:
        if stopping.is_set():
            raise SystemExit(0)
        stopping.set()
        serving.wake(server)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
