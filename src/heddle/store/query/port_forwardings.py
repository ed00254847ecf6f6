"""Port forwardings."""

from __future__ import annotations

from collections.abc import Sequence

from heddle.model.port_forwarding import PortForwarding
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.one_of import one_of
from heddle.store.query.records import Parent, Records

_f = t.port_forwardings.c

PORT_FORWARDINGS: Records[PortForwarding] = Records(
    PortForwarding, t.port_forwardings, parents={"floatingip": Parent("floatingip_id", t.floating_ips)}
)


def of_floating_ips(tx: Tx, ids: Sequence[str]) -> dict[str, list[PortForwarding]]:
    """Those of each floating IP that has any, by its id."""
    found: dict[str, list[PortForwarding]] = {}
    for item in PORT_FORWARDINGS.find(tx, one_of(_f.floatingip_id, ids)) if ids else ():
        found.setdefault(item.floatingip_id, []).append(item)
    return found


def of_floating_ip(tx: Tx, id: str) -> list[PortForwarding]:
    return of_floating_ips(tx, [id]).get(id, [])


def to_port(tx: Tx, port_id: str) -> list[PortForwarding]:
    """Those that lead to a port."""
    return PORT_FORWARDINGS.find(tx, _f.internal_port_id == port_id)
