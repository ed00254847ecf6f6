"""Conditions: simplified without a change of meaning, and the same in memory and in SQL."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from heddle.model.predicate import ALWAYS, NEVER, All, Condition, Eq, In, Not, Prefix, all_of, any_of, holds, negate
from heddle.model.predicate import Any as AnyOf
from heddle.model.subnet import Subnet
from heddle.store import tables
from heddle.store.engine import Tx
from heddle.store.query.subnets import SUBNETS

TEXTS = st.sampled_from(["", "a", "ab", "a%", "A", "_", "b"])
LEAVES: st.SearchStrategy[Condition] = st.one_of(
    st.sampled_from([ALWAYS, NEVER]),
    st.builds(Eq, st.sampled_from(["name", "description"]), TEXTS),
    st.builds(Eq, st.just("enable_dhcp"), st.booleans()),
    st.builds(In, st.just("name"), st.lists(TEXTS, max_size=3).map(tuple)),
    st.builds(Prefix, st.sampled_from(["name", "description"]), TEXTS),
    st.builds(Eq, st.just("gateway_ip"), st.none() | TEXTS),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: All(tuple(parts))),
        st.lists(inner, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
        st.builds(Not, inner),
    ),
    max_leaves=8,
)
SUBNET_LIST = [
    Subnet(
        id=f"{name}|{text}|{gateway}", name=name, description=text, enable_dhcp=bool(gateway), gateway_ip=gateway
    )
    for name in ("", "a", "ab", "A", "a%")
    for text in ("", "_", "ab")
    for gateway in (None, "", "a")
]


def _connection() -> sa.Connection:
    engine = sa.create_engine("sqlite://")
    tables.subnets.create(engine)
    conn = engine.connect()
    SUBNETS.insert(Tx(conn), SUBNET_LIST)
    return conn


CONNECTION = _connection()


def chosen(condition: Condition) -> set[str]:
    def value(subnet: Subnet) -> Any:
        return lambda name: getattr(subnet, name)

    return {subnet.id for subnet in SUBNET_LIST if holds(condition, value(subnet))}


@given(CONDITIONS)
def test_the_database_decides_as_memory_does(condition: Condition) -> None:
    query = sa.select(tables.subnets.c.id).where(SUBNETS.clause(condition))
    assert {row[0] for row in CONNECTION.execute(query)} == chosen(condition)


@given(st.lists(CONDITIONS, max_size=3))
def test_simplifying_changes_nothing(parts: list[Condition]) -> None:
    assert chosen(all_of(parts)) == chosen(All(tuple(parts)))
    assert chosen(any_of(parts)) == chosen(AnyOf(tuple(parts)))
    for part in parts:
        assert chosen(negate(part)) == chosen(Not(part))
