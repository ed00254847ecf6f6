"""Which ports of Open vSwitch are left their queues: those with a QoS of the type `linux-noop` (`card_queues.py`)."""

from __future__ import annotations

from typing import Any

from heddle.host.ovs import Ovs, OvsConflict
from heddle.host.ovsdb import as_map, as_set

NOOP = "linux-noop"
MARK = {"heddle": "queues"}


def leave_queues_of(ovs: Ovs, interface: str) -> None:
    """Have vswitchd leave the queues of an interface's port alone, from when this returns.

    Raises `OvsConflict` when the port has a QoS of another kind, and `OvsdbError`.
    """
    for port, qos in _ports_of(ovs, interface):
        if qos:
            (row,) = ovs.transact([_select("QoS", ["_uuid", "==", ["uuid", qos]], "type")])[0]["rows"]
            if row["type"] != NOOP:
                raise OvsConflict(
                    f"the port of {interface} has a QoS of its own in Open vSwitch ({row['type']}): if nothing needs "
                    f"it, remove it with: ovs-vsctl clear Port {interface} qos"
                )
            continue
        new = {"op": "insert", "table": "QoS", "uuid-name": "queues"}
        given = {"op": "update", "table": "Port", "where": [["_uuid", "==", ["uuid", port]]]}
        ovs.transact([
            {**new, "row": {"type": NOOP, "external_ids": as_map(MARK)}},
            {**given, "row": {"qos": ["named-uuid", "queues"]}},
        ])  # fmt: skip
        ovs.sync()


def take_queues_of(ovs: Ovs, interface: str) -> None:
    """The queues of an interface's port are gone: vswitchd may do as it likes.  Raises `OvsdbError`."""
    for port, qos in _ports_of(ovs, interface):
        rows = ovs.transact([_select("QoS", ["_uuid", "==", ["uuid", qos]], "external_ids")])[0]["rows"] if qos else []
        if rows and rows[0]["external_ids"] == as_map(MARK):
            freed = {"op": "update", "table": "Port", "where": [["_uuid", "==", ["uuid", port]]]}
            gone = {"op": "delete", "table": "QoS", "where": [["_uuid", "==", ["uuid", qos]]]}
            ovs.transact([{**freed, "row": {"qos": ["set", []]}}, gone])


def _ports_of(ovs: Ovs, interface: str) -> list[tuple[str, str]]:
    """The port with an interface, and its QoS or "", as UUIDs."""
    found = ovs.transact([_select("Interface", ["name", "==", interface], "_uuid")])[0]["rows"]
    ports: list[tuple[str, str]] = []
    for row in found:
        answer = ovs.transact([_select("Port", ["interfaces", "includes", row["_uuid"]], "_uuid", "qos")])[0]["rows"]
        ports += [(each["_uuid"][1], _uuid(each["qos"])) for each in answer]
    return ports


def _uuid(value: Any) -> str:
    """The UUID in an optional column as it is on the wire, "" for none."""
    kind, content = value
    return str(content) if kind == "uuid" else "".join(each[1] for each in as_set(content))


def _select(table: str, where: list[Any], *columns: str) -> dict[str, Any]:
    return {"op": "select", "table": table, "where": [where], "columns": list(columns)}
