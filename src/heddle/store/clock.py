"""The time that all servers agree on: the database's.

Servers' clocks may differ, and so may hosts'; whatever is compared between processes is stamped and compared here.
"""

from __future__ import annotations

import sqlalchemy as sa

from heddle.store.engine import Tx

_NOW = {
    "sqlite": "SELECT CAST(strftime('%s', 'now') AS INTEGER)",
    "postgresql": "SELECT CAST(floor(extract(epoch FROM clock_timestamp())) AS BIGINT)",
}
_OTHERS = "SELECT CAST(unix_timestamp(sysdate()) AS SIGNED)"
_TEXTS = {name: sa.text(text) for name, text in _NOW.items()}
_OTHER_TEXT = sa.text(_OTHERS)


def now(tx: Tx) -> int:
    """Seconds since the epoch."""
    return int(tx.conn.execute(_TEXTS.get(tx.conn.dialect.name, _OTHER_TEXT)).scalar_one())
