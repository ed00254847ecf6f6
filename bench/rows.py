"""The rows: what is measured, what the reference needs, what is wanted; and the table of them.

The reference is OpenStack Neutron 29 with ML2/OVS on a machine of the same kind (`docs/performance.md`).  A figure
is in the row's unit; `higher` says that more is better; a reference of 0 was not measured, and where 0 is
wanted in ms no figure was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """`on_servers` is what is wanted on PostgreSQL and MariaDB where that differs; `note` tells more of the reference;
    `data_plane` rows need a host that this program started.  Of several turns the best counts, of a `loss` the worst.
    """

    name: str
    title: str
    unit: str
    reference: float
    wanted: float
    on_servers: float = 0
    higher: bool = False
    data_plane: bool = False
    loss: bool = False
    note: str = ""


ROWS = (
    Row("post-network", "POST network, 1 client: p50", "ms", 47, 0),
    Row("post-subnet", "POST subnet, 1 client: p50", "ms", 55, 0),
    Row("post-port", "POST port, 1 client: p50", "ms", 110, 4, 6),
    Row("post-port-8", "POST port, 8 clients", "/s", 17.6, 250, 200, higher=True),
    Row("put-port", "PUT port: p50", "ms", 71, 0),
    Row("delete-port", "DELETE port: p50", "ms", 83, 0),
    Row("bulk", "bulk POST, 100 ports a request", "ports/s", 20, 1500, higher=True),
    Row("list", "GET 10,000 ports", "s", 5.6, 0.4),
    Row("get-port", "GET one port: p50", "ms", 13, 0.9),
    Row("list-1000", "GET 1,000 ports: p50", "ms", 678, 34),
    Row("list-id", "GET 10,000 ports, fields=id: p50", "ms", 5263, 80, note="with fields=id&fields=name"),
    Row("page", "GET a page of 100 ports: p50", "ms", 54, 12, note="of 10,000"),
    Row("device", "GET the ports of a device: p50", "ms", 14, 3, note="of 10,000"),
    Row("router", "POST router: p50", "ms", 0, 8),
    Row("group", "GET a group with 1,000 rules: p50", "ms", 0, 25),
    Row("ping", "POST port -> first ping answered", "s", 0.63, 0.08, data_plane=True),
    Row("ports", "200 ports: POST -> all ACTIVE", "s", 117, 3, data_plane=True),
    Row("restart", "agent restart, 200 ports: in sync", "s", 55, 2, data_plane=True),
    Row("restart-pings", "the same: pings lost", "%", 1.4, 0, data_plane=True, loss=True,
        note="of new flows; established flows of 182 of 200 ports for good"),
    Row("routers", "20 routers: all configured", "s", 142, 2.5, data_plane=True),
    Row("rule", "a rule on 100 ports: enforced on all", "s", 12.8, 0.5, data_plane=True),
    Row("floating", "floating IP: PUT -> first ping answered", "s", 0.64, 0.1, data_plane=True),
    Row("floating-silent", "floating IP: PUT -> first ping silent", "s", 0.49, 0.1, data_plane=True),
    Row("forward", "port forwarding: POST -> TCP answered", "s", 0, 0.1, data_plane=True),
    Row("forward-silent", "port forwarding: DELETE -> TCP refused", "s", 0, 0.1, data_plane=True),
    Row("routed", "TCP through a router: of by hand", "%", 0, 90, higher=True, data_plane=True),
    Row("routed-snat", "the same, to the outside by SNAT", "%", 0, 90, higher=True, data_plane=True),
    Row("routed-floating", "the same, into a floating IP", "%", 0, 90, higher=True, data_plane=True),
    Row("processes", "control plane: processes", "", 48, 3, data_plane=True),
    Row("memory", "control plane: memory (PSS)", "MB", 3400, 200, data_plane=True),
    Row("check", "upgrade check, one machine", "s", 4, 2, data_plane=True, note="nova-status, all well"),
    Row("lab-check", "upgrade check, ten hosts", "s", 0, 5, data_plane=True),
    Row("lab-check-dead", "the same, database and broker dead", "s", 107, 15, data_plane=True,
        note="a database down: 107 to 125 s, and a traceback"),
    Row("lab-ping", "hosts: POST port -> first ping across", "s", 0, 0.15, data_plane=True),
    Row("lab-rule", "hosts: a rule on 100 ports: on all", "s", 12.8, 0.5, data_plane=True),
    Row("lab-move", "hosts: 100 ports to another group", "s", 45, 2, data_plane=True),
    Row("lab-ports", "hosts: 200 ports on one: all ACTIVE", "s", 117, 3, data_plane=True),
    Row("lab-restart", "hosts: restart, 200 ports: in sync", "s", 55, 2, data_plane=True),
    Row("lab-restart-pings", "the same: pings lost", "%", 1.4, 0, data_plane=True, loss=True),
    Row("lab-memory", "an agent with 200 ports: memory (PSS)", "MB", 0, 90, data_plane=True),
    Row("lab-idle", "the same at rest: of a processor", "%", 0, 1, data_plane=True),
    Row("lab-routers", "hosts: 50 routers: all configured", "s", 405, 10, data_plane=True),
    Row("lab-routers-restart", "hosts: restart, 50 routers: in sync", "s", 41, 3, data_plane=True),
    Row("lab-routers-pings", "the same: pings lost", "%", 0, 0, data_plane=True, loss=True),
    Row("lab-convert", "HA <-> distributed: loss beyond the downtime", "s", 0, 1, data_plane=True, loss=True),
    Row("lab-ovs", "TCP across, Open vSwitch: of by hand", "%", 0, 95, higher=True, data_plane=True),
    Row("lab-ovs-tracked", "the same: of by hand with connections", "%", 0, 95, higher=True, data_plane=True),
    Row("lab-ovs-open", "without port security: of by hand", "%", 0, 95, higher=True, data_plane=True),
    Row("lab-bridge", "TCP across, Linux bridge: of by hand", "%", 0, 95, higher=True, data_plane=True),
    Row("lab-bridge-tracked", "the same: of by hand with connections", "%", 0, 95, higher=True, data_plane=True),
    Row("lab-bridge-open", "without port security: of by hand", "%", 0, 95, higher=True, data_plane=True),
    Row("lab-frames", "no offloads, Linux bridge: of by hand", "%", 0, 95, higher=True, data_plane=True),
    Row("lab-frames-tracked", "no offloads: of by hand with connections", "%", 0, 95, higher=True, data_plane=True),
    Row("lab-frames-open", "no offloads, no port security: of by hand", "%", 0, 95, higher=True, data_plane=True),
)  # fmt: skip
BY_NAME = {row.name: row for row in ROWS}
API_ROWS = tuple(row.name for row in ROWS if not row.data_plane)


@dataclass(frozen=True, slots=True)
class Measured:
    """`value` None: not measured, and `detail` says why.  `detail` else: p99, parts, counts."""

    value: float | None
    detail: str = ""


def best_of(names: Sequence[str], turns: Sequence[Sequence[Measured]]) -> dict[str, Measured]:
    """What counts of several turns, each of which measured these rows; the detail tells the others."""
    return {name: _best(BY_NAME[name], each) for name, each in zip(names, zip(*turns, strict=True), strict=True)}


def _best(row: Row, turns: Sequence[Measured]) -> Measured:
    choose = max if row.higher or row.loss else min
    best = choose(turns, key=lambda each: each.value or 0)
    if len(turns) == 1:
        return best
    which = "worst" if row.loss else "best"
    return Measured(best.value, f"{which} of {', '.join(number(each.value or 0) for each in turns)}; {best.detail}")


def ratio(row: Row, value: float) -> float | None:
    """How many times better than the reference; None where that cannot be said."""
    if not value or not row.reference:
        return None
    return value / row.reference if row.higher else row.reference / value


def wanted(row: Row, engine: str) -> float | None:
    """None where no figure was asked for."""
    limit = row.wanted if engine == "sqlite" else row.on_servers or row.wanted
    return None if not limit and row.unit == "ms" else limit


def reached(row: Row, value: float, engine: str = "sqlite") -> bool | None:
    """None where nothing is wanted."""
    limit = wanted(row, engine)
    if limit is None:
        return None
    return value >= limit if row.higher else value <= limit


def number(value: float) -> str:
    """Three significant figures, without an exponent."""
    if value == 0:
        return "0"
    digits = max(0, 2 - _magnitude(abs(value)))
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _magnitude(value: float) -> int:
    return int(f"{value:e}".partition("e")[2])


def table(measured: Mapping[str, Measured], command: str, engine: str = "sqlite") -> str:
    """The table as text, and below it the details of its rows."""
    lines = [("measure", "reference", "wanted", "measured", "ratio", "")]
    details = []
    for row in ROWS:
        found = measured.get(row.name, Measured(None))
        sign = ">=" if row.higher else "<="
        shown, times, verdict = "not measured", "", ""
        if found.value is not None:
            better = ratio(row, found.value)
            shown = f"{number(found.value)} {row.unit}"
            times = f"{number(better)} x" if better is not None else "-"
            verdict = {None: "", True: "ok", False: "MISSED"}[reached(row, found.value, engine)]
        limit = wanted(row, engine)
        asked = f"{sign} {number(limit)} {row.unit}" if limit is not None else "-"
        reference = f"{number(row.reference)} {row.unit}" if row.reference else "-"
        lines.append((row.title, reference, asked, shown, times, verdict))
        if found.detail:
            details.append(f"  {row.title}: {found.detail}")
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text = [_line(line, widths) for line in lines]
    text.insert(1, "-" * len(text[0]))
    return "\n".join([*text, "", *details, "", f"taken by: {command}"])


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    first = cells[0].ljust(widths[0])
    return "  ".join([first, *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))])


def api_rows(results: Sequence[Mapping[str, Any]]) -> dict[str, Measured]:
    """What the API bench's results say about the table's rows."""
    ops = {(each["op"], each["concurrency"]): each for each in results if each["ok"]}
    bulk = [each for each in ops.values() if each["op"].startswith("port_bulk_create_to_")]
    measured: dict[str, Measured] = {}
    if one := ops.get(("port_create", 1)):
        measured["post-port"] = Measured(one["p50_ms"], _times(one) + _at(ops, "port_create", 1))
    if eight := ops.get(("port_create", 8)):
        measured["post-port-8"] = Measured(eight["req_per_s"], _times(eight) + _at(ops, "port_create", 8))
    if bulk:
        last = bulk[-1]
        measured["bulk"] = Measured(last["units_per_s"], f"{last['op'].rpartition('_')[2]} ports; {_times(last)}")
    if listed := ops.get(("port_list_10000", 1)):
        size = f"{listed['bytes_per_answer'] / 1e6:.1f} MB"
        measured["list"] = Measured(listed["p50_ms"] / 1000, f"{size}; {_times(listed)}")
    gets = [each for (op, clients), each in ops.items() if op.startswith("port_get") and clients == 1]
    if gets:
        measured["get-port"] = Measured(gets[-1]["p50_ms"], f"{gets[-1]['op']}: {_times(gets[-1])}")
    for name, pattern in _READS.items():
        found = [each for (op, clients), each in ops.items() if clients == 1 and re.fullmatch(pattern, op)]
        if found:
            measured[name] = Measured(found[-1]["p50_ms"], f"{found[-1]['op']}: {_times(found[-1])}")
    failed = sum(sum(each["errors"].values()) for each in results)
    return measured if not failed else {
        name: Measured(each.value, f"{each.detail}; {failed} REQUESTS FAILED") for name, each in measured.items()
    }


# Of those that were taken at several sizes the last counts.
_READS = {
    "list-1000": "port_list_1000", "list-id": "port_list_id_10000", "page": r"port_list_page100_at_\d+",
    "device": r"port_list_device_at_\d+", "router": "router_create", "group": r"group_get_\d+",
    "post-network": "network_create", "post-subnet": "subnet_create", "put-port": r"port_update(_at_\d+)?",
    "delete-port": r"port_delete(_at_\d+)?",
}  # fmt: skip


def _at(ops: Mapping[tuple[str, int], Mapping[str, Any]], op: str, clients: int) -> str:
    """The same verb among many ports."""
    found = [(name, each) for (name, number), each in ops.items() if name.startswith(f"{op}_at_") and number == clients]
    return "".join(f"; at {name.rpartition('_')[2]} ports: {_times(each)}" for name, each in found)


def _times(row: Mapping[str, Any]) -> str:
    return f"p50 {row['p50_ms']:.2f}, p99 {row['p99_ms']:.2f} ms"
