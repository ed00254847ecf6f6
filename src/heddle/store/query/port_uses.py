"""What leads to a port, in one question: so that changing a port costs the same however many kinds there are."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from heddle.store import tables as t
from heddle.store.engine import Tx

_PORT: sa.BindParameter[str] = sa.bindparam("port")
_USES = {
    "floating_ip": t.floating_ips.c.port_id,
    "port_forwarding": t.port_forwardings.c.internal_port_id,
    "ndp_proxy": t.ndp_proxies.c.port_id,
    "local_ip": t.local_ips.c.local_port_id,
    "local_ip_association": t.local_ip_associations.c.fixed_port_id,
    "log": t.logs.c.target_id,
}
_KINDS: sa.CompoundSelect[Any] = sa.union_all(
    *(sa.select(sa.literal_column(f"'{kind}'")).where(column == _PORT) for kind, column in _USES.items())
)


def kinds(tx: Tx, port_id: str) -> set[str]:
    """The kinds of objects that lead to a port."""
    return {row[0] for row in tx.conn.execute(_KINDS, {"port": port_id})}
