"""Transactions of others that have been open for long: they hold locks that a migration waits for."""

from __future__ import annotations

import re
from dataclasses import dataclass

import sqlalchemy as sa

from heddle.store.dialect import is_mysql
from heddle.store.engine import Tx

_POSTGRESQL = """
SELECT pid, COALESCE(usename, '?'), CAST(extract(epoch FROM clock_timestamp() - xact_start) AS INTEGER),
       COALESCE(state, '?')
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
  AND xact_start < clock_timestamp() - make_interval(secs => :seconds)
ORDER BY xact_start
"""
_MARIADB = """
SELECT trx.trx_mysql_thread_id, COALESCE(threads.user, '?'),
       timestampdiff(SECOND, trx.trx_started, sysdate()), trx.trx_state
FROM information_schema.innodb_trx AS trx
LEFT JOIN information_schema.processlist AS threads ON threads.id = trx.trx_mysql_thread_id
WHERE trx.trx_mysql_thread_id <> connection_id() AND threads.db = database()
  AND timestampdiff(SECOND, trx.trx_started, sysdate()) > :seconds
ORDER BY trx.trx_started
"""
_POSTGRESQL_HIDDEN = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND usename IS NOT NULL AND backend_start IS NULL
"""
_PROCESS = re.compile(r"GRANT (ALL PRIVILEGES|.*\bPROCESS\b).* ON \*\.\* TO ")


@dataclass(frozen=True, slots=True)
class Transaction:
    """`process` is what the database calls the connection."""

    process: int
    user: str
    seconds: int
    state: str


def long_transactions(tx: Tx, seconds: int) -> tuple[list[Transaction], str] | None:
    """Those open for longer, the oldest first, and whose the database does not show to this user: a clause, "" where
    it shows all.  None for an engine that does not say."""
    dialect = tx.conn.dialect.name
    if dialect == "sqlite":
        return None
    hidden = _hidden_by_mariadb(tx.conn) if is_mysql(dialect) else _hidden_by_postgresql(tx.conn)
    if is_mysql(dialect) and hidden:
        return [], hidden
    query = sa.text(_MARIADB if is_mysql(dialect) else _POSTGRESQL)
    return [Transaction(*row) for row in tx.conn.execute(query, {"seconds": seconds})], hidden


def _hidden_by_postgresql(conn: sa.Connection) -> str:
    count = conn.exec_driver_sql(_POSTGRESQL_HIDDEN).scalar_one()
    return f"PostgreSQL does not show what {count} sessions of other users do" if count else ""


def _hidden_by_mariadb(conn: sa.Connection) -> str:
    told = [str(row[0]) for row in conn.exec_driver_sql("SHOW GRANTS")]
    return "" if any(map(_PROCESS.match, told)) else "MariaDB shows no transactions to this user"
