"""The figures for a monitoring system."""

from __future__ import annotations

import re
from pathlib import Path

from tests.api.conftest import Cloud

from heddle.api.counts import Counts
from heddle.control import reports
from heddle.view.types import ReportRequest, RoleState, Status

LINE = re.compile(r'(heddle_\w+?)(_bucket|_sum|_count)?(\{\w+="(?:[^"\\]|\\.)+"\})? ([0-9.e+-]+)')


def figures(cloud: Cloud) -> dict[str, float]:
    answer = cloud.admin.client.get("/metrics")
    assert answer.status == 200 and answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = {}
    names: set[str] = set()
    for line in answer.body.decode().splitlines():
        if line.startswith("# TYPE "):
            names.add(line.split()[2])
        elif not line.startswith("#"):
            match = LINE.fullmatch(line)
            assert match and match[1] in names, line
            found[line.rpartition(" ")[0]] = float(match[4])
    return found


def test_hosts_faults_and_requests(own_cloud: Cloud) -> None:
    admin = own_cloud.admin
    for host in ("host1", "host2", "host3"):
        own_cloud.report(host)
    own_cloud.die("host3")
    port = admin.create("port", {"network_id": admin.create("network")["id"], "binding:host_id": "host1"})
    before = figures(own_cloud)
    own_cloud.report("host1", Status(kind="port", id=port["id"], revision=10**6, state="error", message="no"))
    assert admin.client.get("/v2.0/ports/none").status == 404
    now = figures(own_cloud)
    assert (now['heddle_hosts{state="alive"}'], now['heddle_hosts{state="dead"}']) == (2, 1)
    assert (before["heddle_failed_objects"], now["heddle_failed_objects"]) == (0, 1)
    assert now['heddle_requests_total{status="404"}'] == before.get('heddle_requests_total{status="404"}', 0) + 1
    assert now['heddle_requests_total{status="200"}'] == before['heddle_requests_total{status="200"}'] + 1


def test_how_long_changes_took(own_cloud: Cloud) -> None:
    own_cloud.report("host1")
    own_cloud.report("host2")
    name = "heddle_commit_to_applied_seconds"
    assert figures(own_cloud)[f"{name}_count"] == 0
    for number, host in enumerate(("host1", "host2", "host1"), 1):
        request = ReportRequest(host=host, started_at=1_700_000_000.0, revision=number, changed_at=1, drift=4)
        reports.report(own_cloud.store, own_cloud.settings, request)
    found = figures(own_cloud)
    assert found[f"{name}_count"] == found[f'{name}_bucket{{le="+Inf"}}'] == 3
    assert found[f'{name}_bucket{{le="60"}}'] == found[f'{name}_bucket{{le="0.01"}}'] == 0
    assert found[f"{name}_sum"] > 3 * 60 and found["heddle_drift"] == 8


def test_what_hosts_count_is_told_by_host(own_cloud: Cloud) -> None:
    """Of those that are alive, and only what they tell."""
    counts = {"packets_logged": 7, "packets_not_logged": 5, "packets_lost": 2}
    shown = {"host1": {"devices": 3, "flows": 40, "networks": 2, **counts}, 'odd"name': {"devices": 1}, "gone": counts}
    for host, configuration in shown.items():
        roles = [RoleState(role="switch", configuration=configuration), RoleState(role="dhcp", configuration=counts)]
        request = ReportRequest(host=host, started_at=1_700_000_000.0, roles=roles)
        reports.report(own_cloud.store, own_cloud.settings, request)
    own_cloud.die("gone")
    found = {name: value for name, value in figures(own_cloud).items() if "host=" in name}
    assert found == {
        'heddle_host_ports{host="host1"}': 3, r'heddle_host_ports{host="odd\"name"}': 1,
        'heddle_host_networks{host="host1"}': 2, 'heddle_host_flows{host="host1"}': 40,
        'heddle_packets_logged_total{host="host1"}': 7, 'heddle_packets_not_logged_total{host="host1"}': 5,
        'heddle_packets_lost_total{host="host1"}': 2,
    }  # fmt: skip


def test_they_are_the_administrators(own_cloud: Cloud) -> None:
    own_cloud.tenant().refused(403, "PolicyNotAuthorized", "GET", "/metrics")


def test_processes_count_together_and_go_on_where_they_were(tmp_path: Path) -> None:
    one, two = Counts(tmp_path, 1), Counts(tmp_path, 2)
    for counts, status in ((one, 200), (two, 200), (two, 404)):
        counts.add(status)
    assert one.by_status() == two.by_status() == {200: 2, 404: 1}
    again = Counts(tmp_path, 2)
    again.add(404)
    assert again.by_status() == {200: 2, 404: 2}
    alone = Counts()
    alone.add(500)
    assert alone.by_status() == {500: 1}
