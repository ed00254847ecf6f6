"""Open vSwitch: its bridges, ports and interfaces, through one OVSDB connection that stays open.

Reading costs nothing: `interface`, `interfaces` and `bridge` answer from a copy that the database keeps
up to date.  Writing is a `Batch`, applied as one transaction.  What is ours bears `heddle=<kind>` in
its external_ids; a bridge of one of our names without that mark stops the start (`OvsConflict`).

A change of an interface is told to the listeners as (before, after), from the connection's thread.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from heddle.host import ovsdb
from heddle.host.ovs_types import MARK, Bridge, Interface, OvsConflict, PortSpec, interface_of, patch_pair
from heddle.host.ovsdb import OvsdbError, Row, as_map, as_set

log = logging.getLogger(__name__)

COLUMNS = {
    "Open_vSwitch": ["bridges", "cur_cfg", "next_cfg", "datapath_types", "ovs_version"],
    "Bridge": ["name", "ports", "external_ids", "datapath_type", "fail_mode"],
    "Port": ["name", "interfaces", "tag", "external_ids"],
    "Interface": ["name", "type", "options", "ofport", "error", "external_ids"],
}

__all__ = ["Batch", "Bridge", "Interface", "Ovs", "OvsConflict", "OvsdbError", "PortSpec", "patch_pair"]


Listener = Callable[[list[tuple[Interface | None, Interface | None]]], None]


class Ovs:
    """The connection.  `remote` as "unix:/run/openvswitch/db.sock"; `client` makes what speaks OVSDB."""

    def __init__(self, remote: str, client: Callable[..., ovsdb.OvsdbClient] = ovsdb.OvsdbClient) -> None:
        self._client = client(remote, COLUMNS, self._updated)
        self._interfaces: dict[str, Interface] = {}
        self._names: dict[str, str] = {}
        self._by_port_id: dict[str, set[str]] = {}
        self._port_of: dict[str, str] = {}
        self._bridge_of: dict[str, str] = {}
        self._listeners: list[Listener] = []
        self._applied = threading.Condition(self._client.lock)

    def start(self, timeout: float = 10.0) -> None:
        """Connect.  Raises `OvsdbError` when the database cannot be reached within `timeout` seconds."""
        self._client.start(timeout)

    def close(self) -> None:
        self._client.close()

    def listen(self, listener: Listener) -> None:
        """Call `listener` with (before, after) of the interfaces that change; it must be quick."""
        self._listeners.append(listener)

    # Reading

    def interface(self, name: str) -> Interface | None:
        return self._interfaces.get(name)

    def interfaces(self, bridge: str = "") -> list[Interface]:
        """The interfaces of a bridge, or all."""
        with self._client.lock:
            return [each for each in self._interfaces.values() if not bridge or each.bridge == bridge]

    def plugged(self, port_id: str, bridge: str = "br-int") -> Interface | None:
        """The interface on `bridge` that bears the port's id; one with an ofport before one without."""
        with self._client.lock:
            found = [self._interfaces[name] for name in self._by_port_id.get(port_id, ())]
        found = sorted((each for each in found if each.bridge == bridge), key=lambda each: (not each.ofport, each.name))
        return found[0] if found else None

    def bridge(self, name: str) -> Bridge | None:
        with self._client.lock:
            for row in self._client.tables["Bridge"].values():
                if row["name"] == name:
                    ids = row["external_ids"]
                    fail_mode = "".join(as_set(row["fail_mode"]))
                    return Bridge(name, ids.get(MARK, ""), row["datapath_type"], fail_mode, ids)
        return None

    def datapath_types(self) -> list[str]:
        return [kind for row in self._rows("Open_vSwitch") for kind in as_set(row["datapath_types"])]

    def version(self) -> str:
        return "".join(text for row in self._rows("Open_vSwitch") for text in as_set(row["ovs_version"]))

    def check_ours(self, names: Iterable[str]) -> None:
        """Raises `OvsConflict` when one of these bridges exists and does not bear our mark."""
        for name in names:
            bridge = self.bridge(name)
            if bridge is not None and not bridge.kind:
                raise OvsConflict(
                    f"the bridge {name} exists and was not made by Heddle, which would take it over. "
                    f"If nothing needs it, remove it with: ovs-vsctl del-br {name}"
                )

    # Writing

    def batch(self) -> Batch:
        return Batch(self)

    def add_ports(self, specs: Iterable[PortSpec]) -> None:
        """Make the ports as they shall be, in one transaction.  Raises `OvsdbError`, `OvsConflict`."""
        batch = self.batch()
        for spec in specs:
            batch.ensure_port(spec)
        batch.commit()

    def delete_ports(self, names: Iterable[str]) -> None:
        """Remove the ports that are there, in one transaction.  Raises `OvsdbError`."""
        batch = self.batch()
        for name in names:
            batch.delete_port(name)
        batch.commit()

    def transact(self, operations: Sequence[ovsdb.Operation]) -> list[Any]:
        """One transaction on what is not shown here; the results as they are on the wire.  Raises `OvsdbError`."""
        return self._client.transact(operations)

    def sync(self) -> None:
        """Wait until vswitchd has done all that the database says, and its answers (ofports) are known here."""
        self.batch().commit(wait=True)

    def await_configuration(self, number: int, timeout: float = 10.0) -> None:
        """Raises `OvsdbError` when vswitchd has not reached the configuration in time."""
        with self._applied:
            if not self._applied.wait_for(lambda: self._configuration() >= number, timeout):
                raise OvsdbError(f"ovs-vswitchd did not apply a change within {timeout:g} s; is it running?")

    # Within

    def _configuration(self) -> int:
        return max((int(row["cur_cfg"]) for row in self._rows("Open_vSwitch")), default=0)

    def _rows(self, table: str) -> list[Row]:
        with self._client.lock:
            return list(self._client.tables[table].values())

    def _updated(self, update: ovsdb.Update) -> None:
        touched: set[str] = set()
        for table, uuid, old, new in update:
            if table == "Bridge":
                touched |= _relate(self._bridge_of, uuid, old, new, "ports", self._interfaces_of_port)
            elif table == "Port":
                touched |= _relate(self._port_of, uuid, old, new, "interfaces", lambda each: [each])
            elif table == "Interface":
                touched.add(uuid)
            else:
                self._applied.notify_all()
        changes = [change for change in map(self._refresh, touched) if change[0] != change[1]]
        if changes:
            for listener in self._listeners:
                listener(changes)

    def _interfaces_of_port(self, port: str) -> list[str]:
        row = self._client.tables["Port"].get(port)
        return as_set(row["interfaces"]) if row else []

    def _refresh(self, uuid: str) -> tuple[Interface | None, Interface | None]:
        """Make the view of one Interface row anew; returns it as it was and as it is."""
        tables = self._client.tables
        row = tables["Interface"].get(uuid)
        port_uuid = self._port_of.get(uuid, "")
        port = tables["Port"].get(port_uuid)
        bridge = tables["Bridge"].get(self._bridge_of.get(port_uuid, ""))
        before = self._interfaces.get(self._names.get(uuid, ""))
        after = interface_of(row, port, bridge) if row and port and bridge else None
        if before is not None:
            self._names.pop(uuid, None)
            del self._interfaces[before.name]
            self._by_port_id.get(before.port_id, set()).discard(before.name)
            if not self._by_port_id.get(before.port_id, True):
                del self._by_port_id[before.port_id]
        if after is not None:
            self._names[uuid] = after.name
            self._interfaces[after.name] = after
            if after.port_id:
                self._by_port_id.setdefault(after.port_id, set()).add(after.name)
        return before, after


class Batch:
    """Changes that are made together, in one transaction, by `commit`.  What is right already is left alone."""

    def __init__(self, ovs: Ovs) -> None:
        self._ovs = ovs
        self._client = ovs._client
        self._operations: list[ovsdb.Operation] = []
        self._new_bridges: set[str] = set()

    def ensure_bridge(self, name: str, kind: str, datapath_type: str, fail_mode: str = "secure") -> None:
        """A bridge that bears our mark."""
        wanted = {"datapath_type": datapath_type, "fail_mode": fail_mode}
        there = self._ovs.bridge(name)
        if there is not None:
            ids = {**there.external_ids, MARK: kind}
            if (there.datapath_type, there.fail_mode, there.external_ids) != (datapath_type, fail_mode, ids):
                self._update("Bridge", name, {**wanted, "external_ids": as_map(ids)})
            return
        self._new_bridges.add(name)
        self._insert("Interface", "i_" + name, {"name": name, "type": "internal"})
        self._insert("Port", "p_" + name, {"name": name, "interfaces": _named("i_" + name)})
        row = {"name": name, "ports": _named("p_" + name), "external_ids": as_map({MARK: kind}), **wanted}
        protocols = ["set", ["OpenFlow10", "OpenFlow13", "OpenFlow14", "OpenFlow15"]]
        self._insert("Bridge", "b_" + name, {**row, "protocols": protocols})
        self._mutate("Open_vSwitch", [], "bridges", "insert", _named("b_" + name))

    def delete_bridge(self, name: str) -> None:
        for uuid in self._find("Bridge", name):
            self._mutate("Open_vSwitch", [], "bridges", "delete", ["uuid", uuid])

    def ensure_port(self, spec: PortSpec) -> None:
        """Raises `OvsConflict` when a port of this name is on another bridge."""
        there = self._ovs.interface(spec.name)
        if there is not None:
            self._correct_port(there, spec)
            return
        interface = {"name": spec.name, "type": spec.type, "options": as_map(spec.options)}
        self._insert("Interface", "i_" + spec.name, {**interface, "external_ids": as_map(spec.external_ids)})
        port: Row = {"name": spec.name, "interfaces": _named("i_" + spec.name)}
        port["external_ids"] = as_map(spec.port_external_ids)
        if spec.tag:
            port["tag"] = spec.tag
        self._insert("Port", "p_" + spec.name, port)
        self._mutate("Bridge", [["name", "==", spec.bridge]], "ports", "insert", _named("p_" + spec.name))

    def _correct_port(self, there: Interface, spec: PortSpec) -> None:
        if there.bridge != spec.bridge:
            raise OvsConflict(
                f"the port {spec.name} is on the bridge {there.bridge} instead of {spec.bridge}; "
                f"if nothing needs it there: ovs-vsctl del-port {there.bridge} {spec.name}"
            )
        ids = {**there.external_ids, **spec.external_ids}
        if (there.type, there.options, there.external_ids) != (spec.type, spec.options, ids):
            columns = {"type": spec.type, "options": as_map(spec.options), "external_ids": as_map(ids)}
            self._update("Interface", spec.name, columns)
        self.set_port(spec.name, spec.tag or there.tag, spec.port_external_ids)

    def delete_port(self, name: str) -> None:
        for uuid in self._find("Port", name):
            for bridge, row in self._client.tables["Bridge"].items():
                if uuid in as_set(row["ports"]):
                    self._mutate("Bridge", [["_uuid", "==", ["uuid", bridge]]], "ports", "delete", ["uuid", uuid])

    def set_port(self, name: str, tag: int, external_ids: Mapping[str, str]) -> None:
        """Set the tag (0: none) of a port that is there, and add to its external_ids."""
        there = self._ovs.interface(name)
        if there is None:
            return
        ids = {**there.port_external_ids, **external_ids}
        if there.tag != tag or there.port_external_ids != ids:
            self._update("Port", name, {"tag": tag or ["set", []], "external_ids": as_map(ids)})

    @property
    def pending(self) -> bool:
        """Whether there is something to commit."""
        return bool(self._operations)

    def commit(self, wait: bool = False) -> None:
        """Apply.  `wait`: until vswitchd has taken it over, at most 10 s.  Raises `OvsdbError`."""
        if not self._operations and not wait:
            return
        operations, self._operations = self._operations, []
        if not wait:
            self._client.transact(operations)
            return
        bump = {"op": "mutate", "table": "Open_vSwitch", "where": [], "mutations": [["next_cfg", "+=", 1]]}
        read = {"op": "select", "table": "Open_vSwitch", "where": [], "columns": ["next_cfg"]}
        number = self._client.transact([*operations, bump, read])[-1]["rows"][0]["next_cfg"]
        self._ovs.await_configuration(number)

    def _find(self, table: str, name: str) -> list[str]:
        with self._client.lock:
            return [uuid for uuid, row in self._client.tables[table].items() if row["name"] == name]

    def _insert(self, table: str, label: str, row: Mapping[str, Any]) -> None:
        self._operations.append({"op": "insert", "table": table, "row": row, "uuid-name": _label(label)})

    def _update(self, table: str, name: str, row: Mapping[str, Any]) -> None:
        self._operations.append({"op": "update", "table": table, "where": [["name", "==", name]], "row": row})

    def _mutate(self, table: str, where: list[Any], column: str, verb: str, value: Any) -> None:
        mutation = {"op": "mutate", "table": table, "where": where, "mutations": [[column, verb, value]]}
        self._operations.append(mutation)


def _label(text: str) -> str:
    """A name for a row within its transaction, unique for names that differ only in punctuation."""
    return "".join(each if each.isalnum() else f"_{ord(each):x}_" for each in text)


def _named(label: str) -> list[str]:
    return ["named-uuid", _label(label)]


def _relate(
    parents: dict[str, str], parent: str, old: Row | None, new: Row | None,
    column: str, interfaces: Callable[[str], list[str]],
) -> set[str]:
    """Keep child -> parent for a column of references; returns the interfaces that are concerned."""
    before = set(as_set(old[column])) if old else set()
    after = set(as_set(new[column])) if new else set()
    for child in before - after:
        if parents.get(child) == parent:
            del parents[child]
    for child in after - before:
        parents[child] = parent
    changed = before | after if old is None or new is None or _besides(old, column) != _besides(new, column) else (
        before ^ after
    )
    return {uuid for child in changed for uuid in interfaces(child)}


def _besides(row: Row, column: str) -> Row:
    return {name: value for name, value in row.items() if name not in (column, "external_ids")} | (
        {} if column == "ports" else {"external_ids": row["external_ids"]}
    )
