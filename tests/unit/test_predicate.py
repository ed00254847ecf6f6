"""Conditions: simplified without a change of meaning, and the same in memory and in SQL."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from heddle.model.access import ACCESS_AS_SHARED, targets_of
from heddle.model.predicate import (
    ALWAYS,
    NEVER,
    All,
    Condition,
    Eq,
    Granted,
    In,
    Not,
    Prefix,
    all_of,
    any_of,
    holds,
    negate,
)
from heddle.model.predicate import Any as AnyOf
from heddle.model.rbac import RbacPolicy
from heddle.model.subnet_pool import SubnetPool
from heddle.store import tables
from heddle.store.engine import Tx
from heddle.store.query.rbac import RBAC_POLICIES
from heddle.store.query.subnet_pools import SUBNET_POOLS

ME = "p1"

TEXTS = st.sampled_from(["", "a", "ab", "a%", "A", "_", "b"])
LEAVES: st.SearchStrategy[Condition] = st.one_of(
    st.sampled_from([ALWAYS, NEVER]),
    st.builds(Eq, st.sampled_from(["name", "description"]), TEXTS),
    st.builds(Eq, st.sampled_from(["is_default", "shared"]), st.booleans()),
    st.just(Granted("shared", "subnetpool", ACCESS_AS_SHARED, targets_of(ME))),
    st.builds(In, st.just("name"), st.lists(TEXTS, max_size=3).map(tuple)),
    st.builds(Prefix, st.sampled_from(["name", "description"]), TEXTS),
    st.builds(Eq, st.just("default_quota"), st.none() | st.integers(0, 2)),
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
POOL_LIST = [
    SubnetPool(
        id=f"{name}|{text}|{number}", name=name, description=text, is_default=bool(number), default_quota=number
    )
    for name in ("", "a", "ab", "A", "a%")
    for text in ("", "_", "ab")
    for number in (None, 0, 1)
]
# Every second pool is shared with everybody, every third with the project that reads, every fourth with another.
TARGETS = {2: "*", 3: ME, 4: "p2"}
ENTRIES = [
    RbacPolicy(id=f"{step}{pool.id}", object_type="subnetpool", object_id=pool.id, action=ACCESS_AS_SHARED,
               target_tenant=target)
    for step, target in TARGETS.items()
    for pool in POOL_LIST[::step]
]  # fmt: skip


def _transaction() -> Tx:
    engine = sa.create_engine("sqlite://")
    tables.METADATA.create_all(engine, [tables.subnetpools, tables.rbac_policies])
    tx = Tx(engine.connect(), viewer=ME)
    SUBNET_POOLS.insert(tx, POOL_LIST)
    RBAC_POLICIES.insert(tx, ENTRIES)
    return tx


TX = _transaction()
IN_MEMORY = SUBNET_POOLS.search(TX)


def test_who_may_use_an_object_is_read_with_it() -> None:
    shared = {pool.id for pool in (*POOL_LIST[::2], *POOL_LIST[::3])}
    assert {pool.id for pool in IN_MEMORY if pool.shared} == shared != {pool.id for pool in IN_MEMORY}


def chosen(condition: Condition) -> set[str]:
    def value(pool: SubnetPool) -> Any:
        return lambda name: getattr(pool, name)

    return {pool.id for pool in IN_MEMORY if holds(condition, value(pool))}


@given(CONDITIONS)
def test_the_database_decides_as_memory_does(condition: Condition) -> None:
    assert {pool.id for pool in SUBNET_POOLS.search(TX, condition)} == chosen(condition)


@given(st.lists(CONDITIONS, max_size=3))
def test_simplifying_changes_nothing(parts: list[Condition]) -> None:
    assert chosen(all_of(parts)) == chosen(All(tuple(parts)))
    assert chosen(any_of(parts)) == chosen(AnyOf(tuple(parts)))
    for part in parts:
        assert chosen(negate(part)) == chosen(Not(part))
