"""Ports of Neutron whose binding failed, or that are bound to a host where no agent is alive that would carry them."""

from __future__ import annotations

from heddle.checks.base import Finding, warning, well
from heddle.checks.openstack.context import Database
from heddle.checks.openstack.heartbeats import ago, patience
from heddle.store.engine import Tx
from heddle.store.examine import openstack
from heddle.store.examine.openstack import Bound

# Mechanism drivers whose ports an agent of the table `agents` carries.
CARRIERS = {
    "openvswitch": "Open vSwitch agent", "linuxbridge": "Linux bridge agent", "sriovnicswitch": "NIC Switch agent",
    "macvtap": "Macvtap agent",
}  # fmt: skip
SHOWN = 10


def judge(database: Database, tx: Tx) -> list[Finding]:
    most = patience(database.service)
    heard = {(beat.kind, beat.host): beat.ago for beat in openstack.agents(tx)}
    ports = openstack.bound(tx)
    bad = [warning(f"binding failed on host {each.host or '(none)'}: {_ports(each)}", each.port, node=each.host)
           for each in openstack.failed(tx)]  # fmt: skip
    for each in ports:
        kind = CARRIERS.get(each.driver)
        last = heard.get((kind, each.host)) if kind else 0
        if last is None or last > most:
            why = "there is none" if last is None else f"silent for {ago(last)}"
            bad.append(warning(f"{_ports(each)} bound to {each.host}, whose {kind} would carry them: {why}", each.port,
                               node=each.host))  # fmt: skip
    more = [warning(f"and on {len(bad) - SHOWN} more hosts")] if len(bad) > SHOWN else []
    return [*bad[:SHOWN], *more] or [well(_well(ports))]


def _well(ports: list[Bound]) -> str:
    other = sorted({each.driver for each in ports if each.driver not in CARRIERS})
    beside = f"; ports of {', '.join(other)} have no agent in this table, and were not compared" if other else ""
    carried = sum(each.ports for each in ports if each.driver in CARRIERS)
    return f"{carried} bound ports are on hosts that report{beside}"


def _ports(each: Bound) -> str:
    return f"port {each.port}" if each.ports == 1 else f"{each.ports} ports, as {each.port},"
