"""A port is bound to a host that is there, and carried there: no binding failed, and none leads to nowhere."""

from __future__ import annotations

from heddle.checks.base import Check, Finding, Level, OnOpenStack, warning, well
from heddle.checks.context import Context
from heddle.checks.heard import since
from heddle.checks.openstack import bindings
from heddle.checks.openstack.context import OpenStack
from heddle.store.query.bindings import Astray, astray

SHOWN = 10


def check(context: Context) -> list[Finding]:
    with context.cloud() as tx:
        found = astray(tx, since(context, tx))
    if not found:
        return [well("every bound port is on a host that reports")]
    more = [warning(f"and {len(found) - SHOWN} more ports")] if len(found) > SHOWN else []
    return [warning(_text(each), evidence=each.port, node=each.host) for each in found[:SHOWN]] + more


def openstack(cloud: OpenStack) -> list[Finding]:
    return cloud.each(bindings.judge, "neutron")


def _text(each: Astray) -> str:
    return f"port {each.port} is bound to {each.host}, {each.why}"


CHECK = Check(
    id="network-bindings",
    title="Ports are bound to hosts that carry them",
    reads="the bindings of ports, and which hosts have an agent for ports that reports",
    severity=Level.WARNING,
    remedy="Bind the port to a host that is there (`openstack port set --host HOST PORT`), start that host's agent, or "
    "mend what the reason tells.",
    check=check,
    openstack=OnOpenStack(
        openstack, "ml2_port_bindings, ml2_distributed_port_bindings, their levels, and the table agents",
        "Start the agent of that host, or bind the port to another (`openstack port set --host HOST PORT`); the log of "
        "neutron-server says why binding failed.",
    ),
)
