"""Figures for a monitoring system, in Prometheus' text format 0.0.4: a handful, so no library is needed for it.

All but the counts of requests come from the database, so every process of every server gives the same; the requests
are those of the server that is asked, all its processes together.  No name of an object or a tenant is among them:
metering labels are told by their ids, hosts by their names.

What hosts count starts anew with their agents, so it is told by host and not summed up: whoever reads it sees the
start, which a sum would hide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from heddle.api.http import Request, Response, Route
from heddle.api.network.rights import require
from heddle.api.schemas import TEXT
from heddle.api.services import Services
from heddle.control.realised import BOUNDS
from heddle.model.agent import CARRIERS
from heddle.store.changes import current_revision
from heddle.store.query import dns_records, hosts, metering
from heddle.store.query.hosts import Host

# What the agent of a host shows of itself: its name there, as a figure, its kind, and what it is.
TOLD = (
    ("devices", "heddle_host_ports", "gauge", "Ports that a host has wired."),
    ("networks", "heddle_host_networks", "gauge", "Networks that have ports on a host."),
    ("flows", "heddle_host_flows", "gauge", "Flows of a host's switch."),
    ("packets_logged", "heddle_packets_logged_total", "counter", "Packets that a host wrote down for logs."),
    ("packets_not_logged", "heddle_packets_not_logged_total", "counter",
     "Packets that logs asked for and a host did not write down: more than its limit, or no room."),
    ("packets_lost", "heddle_packets_lost_total", "counter", "Those of them for which the file had no room."),
)  # fmt: skip
TYPE = "text/plain; version=0.0.4; charset=utf-8"


def show(services: Services, request: Request) -> Response:
    require(services, request, "get_metrics")
    with services.store.read() as tx:
        every = hosts.every(tx)
        live = hosts.live(tx, [host.name for host in every])
        figures = {"revision": current_revision(tx.conn), "failed": len(hosts.faults(tx))}
        counted = metering.totals(tx)
        names = dns_records.counts(tx)
        told = hosts.told(tx, CARRIERS)
    lines = [*_hosts(every, live, figures), *_latency(every), *_requests(services.counts.by_status())]
    lines += [*_metering(counted), *_names(names), *_told(told)]
    return Response(200, ("\n".join(lines) + "\n").encode(), (("Content-Type", TYPE),))


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"


def _hosts(every: Sequence[Host], live: set[str], figures: Mapping[str, int]) -> Iterator[str]:
    yield from _head("heddle_hosts", "gauge", "Hosts, by whether their agents report.")
    yield f'heddle_hosts{{state="alive"}} {len(live)}'
    yield f'heddle_hosts{{state="dead"}} {len(every) - len(live)}'
    yield from _head("heddle_drift", "gauge", "What agents found changed by hand and put right since they started.")
    yield f"heddle_drift {sum(host.drift for host in every)}"
    yield from _head("heddle_failed_objects", "gauge", "Objects that a host could not realise.")
    yield f"heddle_failed_objects {figures['failed']}"
    yield from _head("heddle_revision", "gauge", "The revision of the newest change.")
    yield f"heddle_revision {figures['revision']}"
    behind = max([0, *(figures["revision"] - host.revision for host in every if host.name in live)])
    yield from _head("heddle_revisions_behind", "gauge", "How far the host that is alive and furthest behind is.")
    yield f"heddle_revisions_behind {behind}"


def _latency(every: Sequence[Host]) -> Iterator[str]:
    name = "heddle_commit_to_applied_seconds"
    yield from _head(name, "histogram", "From the commit of a change until a host it concerns said it had applied it.")
    tables = [host.latencies for host in every if len(host.latencies) == len(BOUNDS) + 2]
    sums = [sum(column) for column in zip(*tables, strict=True)] or [0] * (len(BOUNDS) + 2)
    for bound, count in zip((*(f"{each / 1000:g}" for each in BOUNDS), "+Inf"), accumulate(sums[:-1]), strict=True):
        yield f'{name}_bucket{{le="{bound}"}} {count}'
    yield f"{name}_sum {sums[-1] / 1000:g}"
    yield f"{name}_count {sum(sums[:-1])}"


def _requests(by_status: Mapping[int, int]) -> Iterator[str]:
    yield from _head("heddle_requests_total", "counter", "Requests answered by this server, by HTTP status.")
    for status, count in by_status.items():
        yield f'heddle_requests_total{{status="{status}"}} {count}'


def _metering(counted: Sequence[tuple[str, str, int, int, int]]) -> Iterator[str]:
    sums: dict[str, tuple[int, int]] = {}
    for label, _, packets, size, _ in counted:
        before = sums.get(label, (0, 0))
        sums[label] = before[0] + packets, before[1] + size
    for number, unit in enumerate(("packets", "bytes")):
        name = f"heddle_metering_{unit}_total"
        yield from _head(name, "counter", f"The {unit} that a metering label has counted, at all routers.")
        for label, each in sums.items():
            yield f'{name}{{label="{label}"}} {each[number]}'


def _names(counted: Mapping[str, int]) -> Iterator[str]:
    yield from _head("heddle_dns_names", "gauge", "Names and types for a DNS server outside, by how far they are.")
    for state, count in counted.items():
        yield f'heddle_dns_names{{state="{state}"}} {count}'


def _told(agents: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterator[str]:
    for key, name, kind, text in TOLD:
        yield from _head(name, kind, text)
        for host, shown in agents:
            if isinstance(shown.get(key), int):
                yield f'{name}{{host="{_escaped(host)}"}} {shown[key]}'


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


ROUTES = [Route("GET", "/metrics", show, "get_metrics", 200, "Figures for a monitoring system, in Prometheus' text",
                None, TEXT)]  # fmt: skip
