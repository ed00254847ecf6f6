"""Open vSwitch in memory, at the seam of `heddle.host`: an OVSDB with a vswitchd behind it, and bridges with flows.

It keeps state, gives port numbers as vswitchd does, and fails on command.  `tests/contract/test_ovs.py` holds it
and the real one to the same behaviour.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from heddle.host.connection import CUT, Tracked
from heddle.host.flow_meters import LAST_METER, Meter, MeterError
from heddle.host.nft import Table
from heddle.host.openflow import Difference, FlowBody, FlowKey, text_of
from heddle.host.ovs import Ovs
from heddle.host.ovsdb import OvsdbError, Row, Update, as_set, plain
from heddle.host.run import CommandError
from heddle.host.tracked import ControlError

DEFAULTS: dict[str, Row] = {
    "Open_vSwitch": {"bridges": [], "cur_cfg": 0, "next_cfg": 0, "datapath_types": ["netdev"], "ovs_version": "0"},
    "Bridge": {"ports": [], "external_ids": {}, "datapath_type": "", "fail_mode": []},
    "Port": {"interfaces": [], "tag": [], "external_ids": {}},
    "Interface": {"type": "", "options": {}, "ofport": [], "error": [], "external_ids": {}},
}
PARENTS = {"Bridge": ("Open_vSwitch", "bridges"), "Port": ("Bridge", "ports"), "Interface": ("Port", "interfaces")}


class FakeOvsdb:
    """Stands for `OvsdbClient`.  `devices` are those of the kernel; `refuse` is raised by the next transaction.

    `unknown` are types of interfaces that this vswitchd cannot make.
    """

    def __init__(self, remote: str, columns: Mapping[str, Sequence[str]], on_update: Callable[[Update], None]) -> None:
        self.tables: dict[str, dict[str, Row]] = {table: {} for table in columns}
        self.lock = threading.RLock()
        self.devices: set[str] = set()
        self.unknown: set[str] = set()
        self.refuse = ""
        self.transactions = 0
        self._on_update = on_update
        self._ids = (f"row-{number}" for number in itertools.count())
        self._ofports: dict[str, int] = {}

    def start(self, timeout: float) -> None:
        self.tables["Open_vSwitch"]["root"] = dict(DEFAULTS["Open_vSwitch"])

    def close(self) -> None:
        pass

    def transact(self, operations: Sequence[Mapping[str, Any]], timeout: float = 10.0) -> list[Any]:
        if self.refuse:
            reason, self.refuse = self.refuse, ""
            raise OvsdbError(reason)
        self.transactions += 1
        with self.lock:
            before = {table: {uuid: dict(row) for uuid, row in rows.items()} for table, rows in self.tables.items()}
            names: dict[str, str] = {}
            for operation in operations:
                if operation["op"] == "insert":
                    names[operation["uuid-name"]] = next(self._ids)
            results = [self._do(operation, names) for operation in operations]
            self._collect()
            self._configure()
            self._on_update(_changes(before, self.tables))
        return results

    def restart(self) -> None:
        """vswitchd comes back, with other port numbers."""
        self._ofports = {name: number + 100 for name, number in self._ofports.items()}
        self.transact([])

    def _do(self, operation: Mapping[str, Any], names: Mapping[str, str]) -> Any:
        table = operation["table"]
        if operation["op"] == "insert":
            row = {**DEFAULTS[table], **{name: _value(value, names) for name, value in operation["row"].items()}}
            self.tables[table][names[operation["uuid-name"]]] = row
            return {}
        rows = [row for uuid, row in self.tables[table].items() if _selected(uuid, row, operation["where"])]
        for row in rows:
            for name, value in operation.get("row", {}).items():
                row[name] = _value(value, names)
            for column, verb, value in operation.get("mutations", ()):
                _mutate(row, column, verb, _value(value, names))
        return {"rows": [{name: row[name] for name in operation.get("columns", ())} for row in rows]}

    def _collect(self) -> None:
        """Rows that nothing refers to go away."""
        for table, (parent, column) in PARENTS.items():
            held = {uuid for row in self.tables[parent].values() for uuid in as_set(row[column])}
            self.tables[table] = {uuid: row for uuid, row in self.tables[table].items() if uuid in held}

    def _configure(self) -> None:
        """What vswitchd does: port numbers and errors."""
        used = set(self._ofports.values())
        for row in self.tables["Interface"].values():
            name = row["name"]
            if row["type"] in self.unknown or (row["type"] == "" and name not in self.devices):
                why = "Address family not supported by protocol" if row["type"] else "No such device"
                row["ofport"], row["error"] = -1, f"could not open network device {name} ({why})"
                self._ofports.pop(name, None)
                continue
            if name not in self._ofports:
                self._ofports[name] = next(number for number in itertools.count(1) if number not in used)
                used.add(self._ofports[name])
            row["ofport"], row["error"] = self._ofports[name], []
        there = {row["name"] for row in self.tables["Interface"].values()}
        self._ofports = {name: number for name, number in self._ofports.items() if name in there}
        for root in self.tables["Open_vSwitch"].values():
            root["cur_cfg"] = root["next_cfg"]


def _value(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, list) and value[0] == "named-uuid":
        return names[value[1]]
    return plain(value)


def _selected(uuid: str, row: Row, where: Sequence[Sequence[Any]]) -> bool:
    return all((uuid if column == "_uuid" else row[column]) == plain(value) for column, _, value in where)


def _mutate(row: Row, column: str, verb: str, value: Any) -> None:
    if verb == "+=":
        row[column] += value
        return
    there = as_set(row[column])
    row[column] = [*there, value] if verb == "insert" else [each for each in there if each != value]


def _changes(before: Mapping[str, Mapping[str, Row]], after: Mapping[str, Mapping[str, Row]]) -> Update:
    return [
        (table, uuid, before[table].get(uuid), rows.get(uuid))
        for table, rows in after.items() for uuid in {**before[table], **rows}
        if before[table].get(uuid) != rows.get(uuid)
    ]


class FakeFlows:
    """Stands for `Flows`.  A bundle with a line that contains `refuse` is refused as a whole."""

    def __init__(self, bridge: str) -> None:
        self.bridge = bridge
        self.table: dict[str, tuple[str, int]] = {}
        self.refuse = "\0"
        self.bundles = 0

    def match_first_fragments(self) -> None:
        pass

    def warm_up(self) -> None:
        pass

    def cool_down(self) -> None:
        pass

    def close(self) -> None:
        pass

    def apply(self, lines: Iterable[str]) -> None:
        text = list(lines)
        for line in text:
            if self.refuse in line:
                raise CommandError(["ovs-ofctl"], 1, f"refused: {line}")
        self.bundles += bool(text)
        for line in text:
            match, actions, cookie = _split(line)
            if line.startswith("delete_strict"):
                self.table.pop(match, None)
            else:
                self.table[match] = (actions, cookie)

    def differences(self, flows: Mapping[FlowKey, FlowBody]) -> list[Difference]:
        wanted = {_split("add " + text_of(key, body))[0]: (key, body) for key, body in flows.items()}
        found = []
        for match, (actions, cookie) in self.table.items():
            if match not in wanted:
                found.append(Difference(cookie, "", _line(match, actions, cookie)))
        for match, (key, body) in wanted.items():
            there = self.table.get(match)
            if there != (body.actions, body.cookie):
                found.append(Difference(body.cookie, text_of(key, body), _line(match, *there) if there else ""))
        return found

    def dump(self) -> list[str]:
        return sorted(_line(match, *body) for match, body in self.table.items())


def _split(line: str) -> tuple[str, str, int]:
    """A line of a bundle -> (its match, in one order; its actions; its cookie)."""
    body = line.partition(" ")[2]
    head, _, actions = body.partition("actions=")
    cookie = re.search(r"cookie=0x([0-9a-f]+)", head)
    parts = [part for part in re.split(r"[ ,]+", re.sub(r"cookie=0x[0-9a-f]+", "", head)) if part]
    return ",".join(sorted(parts)), actions, int(cookie[1], 16) if cookie else 0


def _line(match: str, actions: str, cookie: int) -> str:
    return f"{match} cookie=0x{cookie:x} actions={actions}"


class FakeMeters:
    """Stands for `Meters`; `refuse`: why none can be put, `keep`: why none can be deleted."""

    def __init__(self, folder: object, bridge: str) -> None:
        self.there: dict[int, Meter] = {}
        self.most = 1 << 18
        self.refuse = self.keep = ""

    def capacity(self) -> int:
        return self.most

    def read(self) -> dict[int, Meter]:
        return dict(self.there)

    def dropped(self, number: int) -> int:
        return 0

    def put(self, meters: Mapping[int, Meter]) -> None:
        if meters and (self.refuse or max(meters) > LAST_METER):
            raise MeterError(self.refuse or f"refused the meter {max(meters)}")
        self.there |= meters

    def delete(self, numbers: Iterable[int]) -> None:
        gone = set(numbers)
        if gone and self.keep:
            raise MeterError(self.keep)
        self.there = {number: meter for number, meter in self.there.items() if number not in gone}


class FakeDeviceLimits:
    """Stands for `DeviceLimits`; `refuse`: why no table with limits can be made, `keep`: why not one without."""

    def __init__(self) -> None:
        self.table: Table | None = None
        self.refuse = self.keep = ""
        self.absent: set[str] = set()

    def ensure(self, table: Table) -> set[str]:
        reason = self.refuse if table.chains else self.keep
        if reason:
            raise CommandError(["nft"], 1, reason)
        self.table = table
        return self.absent

    def disturbed(self) -> bool:
        return False

    def repair(self) -> bool:
        return False

    def close(self) -> None:
        pass


class FakeWatch:
    def __init__(self, folder: object, bridge: str, on_back: Callable[[], None]) -> None:
        self.connected = self.fragments = True
        self.on_back = on_back

    def matches_first_fragments(self) -> bool | None:
        return self.fragments if self.connected else None

    def close(self) -> None:
        pass


class FakeGuard:
    """Stands for `Guard`; `refuse`: why it cannot be changed."""

    def __init__(self) -> None:
        self.guarded: set[str] = set()
        self.wanted: set[str] = set()
        self.refuse = ""

    def load(self) -> None:
        pass

    def remove(self) -> None:
        self.guarded = set()

    def begin(self, names: Iterable[str]) -> None:
        self.wanted = set(names)

    def end(self) -> None:
        if self.refuse and self.wanted != self.guarded:
            raise CommandError(["nft"], 1, self.refuse)
        self.guarded = set(self.wanted)


class FakeConnections:
    """Notes what was to be forgotten: (zone, address), "" for all of the zone; `refuse` makes what reads fail, and
    limits, `remember` what forgets.

    `table` are the connections, `zones` the limits by zone; `dumps` counts how often a zone was listed.
    """

    kernel_room = 262_144

    def __init__(self, datapath: str) -> None:
        self._datapath = datapath
        self.forgotten: list[tuple[int, str]] = []
        self.table: list[Tracked] = []
        self.zones: dict[int, int] = {}
        self.dumps = 0
        self.refuse = self.remember = False

    def list(self, zones: Collection[int]) -> list[Tracked]:
        if self.refuse:
            raise ControlError("refused")
        self.dumps += len(zones)
        return [each for each in self.table if each.zone in zones]

    def cut(self, doomed: Iterable[Tracked]) -> None:
        for each in doomed:
            self.table[self.table.index(each)] = each._replace(mark=CUT)

    def forget_one(self, each: Tracked) -> None:
        self.table.remove(each)

    def capacity(self) -> int:
        return 3_000_000 if self._datapath == "netdev" else self.kernel_room

    def limits(self) -> dict[int, int]:
        return dict(self.zones)

    def set_limits(self, limits: Mapping[int, int]) -> None:
        if self.refuse:
            raise ControlError("refused")
        self.zones.update(limits)

    def remove_limits(self, zones: Collection[int]) -> None:
        for zone in zones:
            self.zones.pop(zone, None)

    def forget(self, zone: int, address: str = "") -> None:
        if self.remember:
            raise ControlError("not forgotten")
        self.forgotten.append((zone, address))

    def forget_associations(self, ended: Collection[tuple[int, str]]) -> None:
        """There are none beside the `table`."""


def fake_ovs() -> tuple[Ovs, FakeOvsdb]:
    """A started `Ovs`, and the database behind it."""
    made: list[FakeOvsdb] = []

    def client(*arguments: Any) -> Any:
        made.append(FakeOvsdb(*arguments))
        return made[0]

    ovs = Ovs("fake", client)
    ovs.start()
    return ovs, made[0]
