"""The registry of what RBAC entries can name: for each type of objects how they are found, and who uses one.

An entry that a project needs, because it uses the object, stays.  A further type is an entry in `KINDS`, beside its
actions in `model/access.py` and a field that declares the access in its model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from heddle.control.context import Context
from heddle.errors import BadRequest
from heddle.model.access import ACCESS_AS_EXTERNAL, ACCESS_AS_SHARED, ACTIONS, ADDRESS_SCOPE_SHARED, EVERYBODY
from heddle.model.network import Network
from heddle.model.subnet_pool import SubnetPool
from heddle.store.engine import Tx
from heddle.store.query import (
    address_groups,
    address_scopes,
    floating_ips,
    networks,
    ports,
    qos,
    rbac,
    routers,
    security_groups,
    subnet_pools,
    subnets,
)
from heddle.store.query.records import Records

Users = Callable[[Tx, Any], set[str]]


@dataclass(frozen=True, slots=True)
class Kind:
    """`users`: for each action the projects that use an object so.

    `check(ctx, object, target)` refuses a target that could not use the object although an entry let it.
    """

    records: Records[Any]
    users: Mapping[str, Users]
    check: Callable[[Context, Any, str], None] = lambda ctx, item, target: None


def _with_ports(tx: Tx, network: Network) -> set[str]:
    """The network's own project needs no entry."""
    return ports.projects_on_network(tx, network.id) - {network.project_id}


def _with_gateways(tx: Tx, network: Network) -> set[str]:
    return routers.projects_with_gateway_on(tx, network.id) | floating_ips.projects_on_network(tx, network.id)


def _has_scope(ctx: Context, pool: SubnetPool, target: str) -> None:
    """Who takes blocks of a pool must be able to use the address scope that it is in.  Raises `BadRequest`."""
    if pool.address_scope_id is None:
        return
    scope = address_scopes.ADDRESS_SCOPES.get(ctx.tx, pool.address_scope_id)
    if scope is None or scope.project_id == target:
        return
    entries = rbac.of_object(ctx.tx, scope.id, ADDRESS_SCOPE_SHARED.action)
    if not {target, EVERYBODY} & {entry.target_tenant for entry in entries}:
        raise BadRequest(
            "InvalidInput",
            f"Invalid input for operation: the target '{target}' cannot use the address scope {scope.id} of subnet "
            f"pool {pool.id}: share that first.",
        )


KINDS: Mapping[str, Kind] = {
    "network": Kind(networks.NETWORKS, {ACCESS_AS_SHARED: _with_ports, ACCESS_AS_EXTERNAL: _with_gateways}),
    "security_group": Kind(
        security_groups.GROUPS,
        {ACCESS_AS_SHARED: lambda tx, group: ports.projects_with_group(tx, group.id)},
    ),
    "subnetpool": Kind(
        subnet_pools.SUBNET_POOLS,
        {ACCESS_AS_SHARED: lambda tx, pool: subnets.projects_of_pool(tx, pool.id)},
        _has_scope,
    ),
    "address_scope": Kind(
        address_scopes.ADDRESS_SCOPES,
        {ACCESS_AS_SHARED: lambda tx, scope: subnet_pools.projects_in_scope(tx, scope.id)},
    ),
    "address_group": Kind(
        address_groups.ADDRESS_GROUPS,
        {ACCESS_AS_SHARED: lambda tx, group: address_groups.projects_using(tx, group.id)},
    ),
    "qos_policy": Kind(
        qos.POLICIES,
        {ACCESS_AS_SHARED: lambda tx, policy: qos.projects_using(tx, policy.id)},
    ),
}
assert {name: tuple(kind.users) for name, kind in KINDS.items()} == ACTIONS
