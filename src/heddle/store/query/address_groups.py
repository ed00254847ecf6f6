"""Address groups, the addresses in them, and the rules that name them."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from heddle.model.address_group import AddressGroup
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.one_of import one_of
from heddle.store.query.records import Records

_a, _r = t.address_group_addresses.c, t.security_group_rules.c


def _load(tx: Tx, groups: Sequence[AddressGroup]) -> None:
    by_id = {group.id: group for group in groups}
    for group in groups:
        group.addresses = []
    query = sa.select(_a.address_group_id, _a.address).where(one_of(_a.address_group_id, by_id))
    for group_id, address in tx.conn.execute(query):
        by_id[group_id].addresses.append(address)
    for group in groups:
        group.addresses.sort()


ADDRESS_GROUPS: Records[AddressGroup] = Records(AddressGroup, t.address_groups, load=_load)


def add(tx: Tx, group_id: str, addresses: Sequence[str]) -> None:
    """Put addresses into a group that it has not."""
    if addresses:
        rows = [{"address_group_id": group_id, "address": address} for address in addresses]
        tx.conn.execute(sa.insert(t.address_group_addresses), rows)


def remove(tx: Tx, group_id: str, addresses: Sequence[str]) -> None:
    if addresses:
        which = _a.address_group_id == group_id, one_of(_a.address, addresses)
        tx.conn.execute(sa.delete(t.address_group_addresses).where(*which))


def in_use(tx: Tx, group_id: str) -> bool:
    """Whether rules of security groups, or templates of them, name it."""
    for table in (t.security_group_rules, t.default_security_group_rules):
        query = sa.select(table.c.id).where(table.c.remote_address_group_id == group_id).limit(1)
        if tx.conn.execute(query).first() is not None:
            return True
    return False


def projects_using(tx: Tx, group_id: str) -> set[str]:
    """The projects whose rules name it."""
    query = sa.select(_r.project_id).where(_r.remote_address_group_id == group_id).distinct()
    return {row[0] for row in tx.conn.execute(query)}
