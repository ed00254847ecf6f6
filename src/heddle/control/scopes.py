"""Which scopes a host needs: they follow from its ports and from what it serves (`view/types.py`)."""

from __future__ import annotations

from heddle.store.engine import Tx
from heddle.store.query import hosts, ports, qos, security_groups
from heddle.view.types import (
    CLOUD,
    group_scope,
    host_scope,
    metering_scope,
    network_scope,
    qos_scope,
    ready_scope,
    router_scope,
)


def needed_scopes(tx: Tx, host: str) -> set[str]:
    """What a host must know: its own, its ports' networks, groups and policies, what those name, what it serves."""
    needed = {CLOUD, host_scope(host)}
    joined = ports.networks_of_host(tx, host)
    networks, routed = set(joined), [id for id, distributed in joined.items() if distributed]
    if routed:
        for router_id, network_id in ports.routed_together(tx, routed):
            needed.add(router_scope(router_id))
            networks.add(network_id)
    shared: list[str] = []
    for role, object_id, project_id, ha in hosts.served(tx, host):
        if role == "router":
            if ha:
                shared.append(object_id)
                needed.add(ready_scope(object_id))
            needed |= {router_scope(object_id), metering_scope(project_id), metering_scope("")}
        elif role == "dhcp":
            networks.add(object_id)
    networks |= ports.networks_of_devices(tx, shared)
    groups = set(ports.groups_of_host(tx, host))
    if groups:
        groups |= security_groups.remotes_of(tx, sorted(groups))
    needed |= {network_scope(id) for id in networks}
    needed |= {group_scope(id) for id in groups}
    needed |= {qos_scope(id) for id in qos.policies_of_host(tx, host)}
    return needed
