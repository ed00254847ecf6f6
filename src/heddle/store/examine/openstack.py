"""What a running OpenStack keeps in its databases: agents, services, bindings, the revisions of a schema.  It is read.

Neutron's `agents` and Nova's `services` note when each was last heard, as UTC without a zone; how long ago that is, the
database tells by its own clock.  Names of tables and columns are those of their public migrations.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from heddle.errors import ConfigError
from heddle.store import examine
from heddle.store.admin import shown
from heddle.store.dialect import is_mysql, with_driver
from heddle.store.engine import Store, Tx

_ENGINES = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}
_PORTS = {"postgresql": 5432, "mysql": 3306}
# What an URL may ask of a driver; other words are of OpenStack's own drivers and plugins.
_WORDS = {
    "postgresql": {"host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey"},
    "mysql": {"charset", "unix_socket", "ssl_ca", "ssl_cert", "ssl_key", "ssl_capath", "ssl_check_hostname",
              "ssl_disabled"},
}  # fmt: skip
_READ_ONLY = {
    "postgresql": {"options": "-c default_transaction_read_only=on"},
    "mysql": {"init_command": "SET SESSION TRANSACTION READ ONLY"},
}
_AGO = {
    False: "CAST(floor(extract(epoch FROM (clock_timestamp() AT TIME ZONE 'UTC') - {})) AS BIGINT)",
    True: "timestampdiff(SECOND, {}, utc_timestamp())",
}
_AGENTS = "SELECT a.agent_type, a.host, a.admin_state_up, {ago} FROM agents AS a ORDER BY a.host, a.agent_type"
# Those of the API never report: they are no part of what Nova itself watches.
_SERVICES = """
SELECT s.binary, s.host, s.disabled, s.forced_down, s.version, s.report_count, {ago} FROM services AS s
WHERE s.deleted = 0 AND s.binary NOT IN ('nova-osapi_compute', 'nova-metadata') ORDER BY s.host, s.binary
"""
_HEARD = "COALESCE(s.last_seen_up, s.updated_at, s.created_at)"
_FAILED = """
SELECT b.host, count(*), min(b.port_id) FROM {table} AS b WHERE b.vif_type = 'binding_failed'
GROUP BY b.host ORDER BY b.host
"""
_BOUND = """
SELECT l.host, l.driver, count(*), min(l.port_id) FROM ml2_port_binding_levels AS l
JOIN {table} AS b ON b.port_id = l.port_id AND b.host = l.host
WHERE b.status = 'ACTIVE' AND b.vif_type NOT IN ('unbound', 'binding_failed') GROUP BY l.host, l.driver ORDER BY l.host
"""
_BINDINGS = ("ml2_port_bindings", "ml2_distributed_port_bindings")
_COLUMNS = """
SELECT table_name, column_name FROM information_schema.columns WHERE table_schema
"""
_CELLS = "SELECT c.name, c.database_connection FROM cell_mappings AS c WHERE c.uuid <> :first ORDER BY c.name"
_FIRST_CELL = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Beat:
    """An agent or a service, and how many seconds ago it was last heard; `version` is that of a service of Nova."""

    kind: str
    host: str
    ago: int
    off: bool = False
    forced_down: bool = False
    version: int = 0
    reports: int = 1


@dataclass(frozen=True, slots=True)
class Bound:
    """So many ports of a host, one of them by its id; `driver` is "" where binding them failed."""

    host: str
    driver: str
    ports: int
    port: str


@dataclass(frozen=True, slots=True)
class Noted:
    """The revisions that a schema is said to have, and the tables ("name") and columns ("name.column") it has."""

    revisions: tuple[str, ...]
    migrate_version: str
    things: frozenset[str]


def readable(url: str, where: str) -> str:
    """A database's URL of OpenStack's settings, with a driver of ours.

    Raises `ConfigError`, which says of it only `where` it is.
    """
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise ConfigError(f"{where} is not a database's URL: mysql+pymysql://user:password@host/name (in a password @ "
                          "is %40, : is %3A, / is %2F)") from None  # fmt: skip
    engine = _ENGINES.get(parsed.get_backend_name())
    if "@" in (parsed.host or ""):
        raise ConfigError(f"{where}: an @ of the password is written %40")
    if engine is None:
        raise ConfigError(f"{where} is of {parsed.get_backend_name()}: only MySQL, MariaDB and PostgreSQL are read")
    query = {name: value for name, value in parsed.query.items() if name in _WORDS[engine]}
    made = parsed.set(drivername=engine, query=query)
    return with_driver(made.render_as_string(hide_password=False)).render_as_string(hide_password=False)


def connect(url: str, patience: int) -> Store:
    """As `examine.connect`, with sessions that the server keeps from writing."""
    parsed = sa.make_url(url)
    guarded = parsed.update_query_dict(_READ_ONLY[_ENGINES[parsed.get_backend_name()]])
    return examine.connect(guarded.render_as_string(hide_password=False), patience, shown(url))


def agents(tx: Tx) -> list[Beat]:
    """Of Neutron."""
    rows = tx.conn.execute(sa.text(_AGENTS.format(ago=_ago(tx, "a.heartbeat_timestamp"))))
    return [Beat(str(kind), str(host), int(ago), off=not up) for kind, host, up, ago in rows]


def services(tx: Tx) -> list[Beat]:
    """Of Nova."""
    rows = tx.conn.execute(sa.text(_SERVICES.format(ago=_ago(tx, _HEARD))))
    return [
        Beat(str(kind), str(host), int(ago), bool(off), bool(forced), int(version or 0), int(reports))
        for kind, host, off, forced, version, reports, ago in rows
    ]


def failed(tx: Tx) -> list[Bound]:
    """Ports whose binding failed, by host."""
    return [Bound(str(host), "", int(count), str(port)) for table in _BINDINGS
            for host, count, port in tx.conn.execute(sa.text(_FAILED.format(table=table)))]  # fmt: skip


def bound(tx: Tx) -> list[Bound]:
    """Ports that are bound, by host and mechanism driver."""
    return [Bound(str(host), str(driver), int(count), str(port)) for table in _BINDINGS
            for host, driver, count, port in tx.conn.execute(sa.text(_BOUND.format(table=table)))]  # fmt: skip


def noted(tx: Tx) -> Noted:
    """What a schema is said to be, and what is there."""
    mine = "= database()" if is_mysql(tx.conn.dialect.name) else "= ANY(current_schemas(false))"
    rows = [(str(table), str(column)) for table, column in tx.conn.execute(sa.text(_COLUMNS + mine))]
    things = frozenset({table for table, _ in rows} | {f"{table}.{column}" for table, column in rows})
    revisions = _column(tx, "SELECT version_num FROM alembic_version") if "alembic_version" in things else []
    legacy = _column(tx, "SELECT version FROM migrate_version") if "migrate_version" in things else []
    return Noted(tuple(sorted(revisions)), (legacy or [""])[0], things)


def cells_elsewhere(tx: Tx, known: str) -> list[str]:
    """The names of Nova's cells whose database is not the one at the URL `known`; the first cell has no hosts."""
    own = sa.make_url(known)
    rows = tx.conn.execute(sa.text(_CELLS), {"first": _FIRST_CELL})
    return [str(name) for name, url in rows if not _same(str(url), own)]


def _same(text: str, own: sa.URL) -> bool:
    """A cell's URL may be a form that has the words of [database] connection in it."""
    if "{" in text:
        port = f":{own.port}" if own.port else ""
        words = {"{scheme}": own.get_backend_name(), "{username}": own.username, "{password}": "",
                 "{hostname}": own.host, ":{port}": port, "{path}": own.database, "{query}": "",
                 "{fragment}": ""}  # fmt: skip
        for word, value in words.items():
            text = text.replace(word, value or "")
    try:
        other = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        return False
    return _place(other) == _place(own)


def _place(url: sa.URL) -> tuple[str, int, str | None]:
    engine = _ENGINES.get(url.get_backend_name(), "")
    return url.host or "", url.port or _PORTS.get(engine, 0), url.database


def _column(tx: Tx, statement: str) -> list[str]:
    return [str(row[0]) for row in tx.conn.exec_driver_sql(statement)]


def _ago(tx: Tx, column: str) -> str:
    return _AGO[is_mysql(tx.conn.dialect.name)].format(column)
