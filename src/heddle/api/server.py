"""The server process: the application behind an HTTP server, the bus, and the regular chores."""

from __future__ import annotations

import gc
import logging
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

from waitress.server import create_server

from heddle import network_types
from heddle.api.app import App
from heddle.api.auth import EmbeddedAuth
from heddle.api.policy import Policy
from heddle.api.services import Services
from heddle.bus.registry import server_bus
from heddle.config import Settings
from heddle.control import reports, segment_ranges, sync
from heddle.control.context import Context
from heddle.errors import ConfigError
from heddle.model.caller import SYSTEM
from heddle.store import changes, migrate
from heddle.store.engine import Store
from heddle.view.compile import Compiler
from heddle.view.types import FetchReply, FetchRequest, ReportReply, ReportRequest

log = logging.getLogger(__name__)

KEEP_REVISIONS = 100_000
CHORE_SECONDS = 300.0
READ_AND_REFUSED = 64 * 1024 * 1024  # bodies up to here are read (from disk) to be refused in the API's own words
OUTPUT_IN_MEMORY = 32 * 1024 * 1024
COLLECT_EVERY = 50_000
SWITCH_SECONDS = 0.0005


class AgentCalls:
    """What agents ask over the bus."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings
        self._compiler = Compiler()

    def fetch(self, request: FetchRequest) -> FetchReply:
        return sync.fetch(self._store, self._compiler, request)

    def report(self, request: ReportRequest) -> ReportReply:
        return reports.report(self._store, self._settings, request)


def open_store(settings: Settings) -> Store:
    """The database, at this program's schema."""
    store = Store(settings.database_url, settings.database.pool)
    migrate.upgrade(store)
    return store


def make_app(settings: Settings, store: Store) -> App:
    """The application on a database.  Raises `ConfigError`."""
    if settings.identity.auth != "embedded":
        raise ConfigError(f"identity.auth = '{settings.identity.auth}' is not supported: use 'embedded'")
    network_types.check_settings(settings.network)
    store.write(lambda tx: segment_ranges.settle_defaults(Context(tx, SYSTEM, settings)))
    auth = EmbeddedAuth(store, settings)
    policy = Policy(settings.identity.policy_file)
    for name in policy.unused:
        log.warning("policy rule decides nothing here file=%s rule=%s", settings.identity.policy_file, name)
    return App(Services(settings, store, policy, auth))


def serve(settings: Settings, ready: Callable[[], None]) -> None:
    """Answer requests until SIGTERM.  `ready` is called when the first one can come."""
    store = open_store(settings)
    app = make_app(settings, store)
    bus = server_bus(settings)
    store.on_commit = bus.wake
    bus.start(AgentCalls(store, settings))
    try:
        server = create_server(
            app,
            host=settings.server.listen,
            port=settings.server.port,
            threads=settings.server.threads,
            max_request_body_size=max(READ_AND_REFUSED, 2 * settings.server.max_body),
            ident=None,
            clear_untrusted_proxy_headers=True,
            channel_timeout=300,
            outbuf_overflow=OUTPUT_IN_MEMORY,
            connection_limit=1000,
        )
    except OSError as error:
        where = f"{settings.server.listen}:{settings.server.port}"
        raise ConfigError(f"cannot listen on {where}: {error.strerror}; set server.listen and server.port") from error
    stopping = threading.Event()
    _stop_on_signal(stopping)
    threading.Thread(target=_chores, args=(store, settings, stopping), name="chores", daemon=True).start()
    log.info("server ready url=%s database=%s", settings.public_url, store.engine.dialect.name)
    sys.setswitchinterval(SWITCH_SECONDS)  # who comes back from a synced commit has others waiting for its lock
    gc.freeze()  # what was imported stays; a long list is not worth several searches for cycles
    gc.set_threshold(COLLECT_EVERY, 20, 20)
    ready()
    try:
        server.run()
    except OSError:
        if not stopping.is_set():
            raise
    finally:
        stopping.set()
        bus.stop()
        store.close()
        log.info("server stopped")


def _stop_on_signal(stopping: threading.Event) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _chores(store: Store, settings: Settings, stopping: threading.Event) -> None:
    while not stopping.wait(CHORE_SECONDS):
        try:
            do_chores(store, settings)
        except Exception:
            log.exception("chore failed")


def do_chores(store: Store, settings: Settings) -> None:
    """Forget old tombstones; serve what could not be served when it was made: no quota, no address, no host."""
    gone = store.write(lambda tx: changes.forget_tombstones(tx.conn, KEEP_REVISIONS))
    if gone:
        log.info("tombstones thrown away count=%d", gone)
    store.write(lambda tx: reports.serve_unserved(Context(tx, SYSTEM, settings)))
