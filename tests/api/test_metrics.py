"""The figures for a monitoring system."""

from __future__ import annotations

import re
import time
from pathlib import Path

from tests.api.conftest import Cloud

from heddle import __version__
from heddle.api.counts import Counts
from heddle.control import reports
from heddle.store import migrate
from heddle.view.types import ReportRequest, RoleState, Status

LABEL = r'\w+="(?:[^"\\]|\\.)*"'
LINE = re.compile(rf"(heddle_\w+?)(_bucket|_sum|_count)?(\{{{LABEL}(?:,{LABEL})*\}})? ([0-9.e+-]+)")


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
    found = {name: value for name, value in figures(own_cloud).items() if "host=" in name and "agent=" not in name}
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


ROUTES = [("GET", "/v2.0/ports"), ("POST", "/v2.0/ports")]


def test_times_are_told_by_route_and_kind_of_status(tmp_path: Path) -> None:
    one, two = (Counts(tmp_path, number, ROUTES) for number in (1, 2))
    one.add(200, 0, 0.004)
    two.add(204, 0, 0.3)
    two.add(503, 1, 60)
    one.add(404, -1, 0)
    found = {(each.method, each.route, each.status): (list(each.buckets), each.seconds) for each in one.times()}
    first, late, longest = ([0] * 12 for _ in range(3))
    first[0] = late[0] = longest[-1] = 1
    first[6] = 1
    assert found == {
        ("GET", "/v2.0/ports", "2xx"): (first, 0.304), ("POST", "/v2.0/ports", "5xx"): (longest, 60.0),
        ("", "", "4xx"): (late, 0.0),
    }  # fmt: skip
    again = Counts(tmp_path, 1, ROUTES[::-1])
    assert list(again.times()) == [], "what another release counted is not taken for its own"
    assert again.by_status() == {200: 1, 204: 1, 404: 1, 503: 1}, "statuses mean the same in each"


def test_requests_are_timed(own_cloud: Cloud) -> None:
    admin = own_cloud.admin
    network = admin.create("network")["id"]
    admin.client.get(f"/v2.0/networks/{network}")
    assert admin.client.get("/v2.0/networks/none").status == 404
    assert admin.client.get("/nothing").status == 404
    found = figures(own_cloud)
    name, route = "heddle_http_request_duration_seconds", 'method="GET",route="/v2.0/networks/{id}"'
    assert found[f'{name}_count{{{route},status="2xx"}}'] == 1
    assert found[f'{name}_bucket{{{route},status="2xx",le="+Inf"}}'] == 1
    assert found[f'{name}_count{{{route},status="4xx"}}'] == 1
    assert found[f'{name}_count{{method="",route="",status="4xx"}}'] == 1
    assert found[f'{name}_count{{method="POST",route="/v2.0/networks",status="2xx"}}'] == 1
    assert 0 < found[f'{name}_sum{{{route},status="2xx"}}'] < 5
    assert network not in own_cloud.admin.client.get("/metrics").body.decode()


def test_the_server_tells_of_itself(own_cloud: Cloud) -> None:
    found = figures(own_cloud)
    (build,) = [name for name in found if name.startswith("heddle_build_info")]
    assert f'version="{__version__}"' in build and f'schema="{migrate.EXPANDED}"' in build and found[build] == 1
    used = [found[f'heddle_database_connections{{process="1",state="{state}"}}'] for state in ("idle", "in_use")]
    assert sum(used) >= 1 and found["heddle_database_connections_max"] == own_cloud.settings.database.pool
    assert time.time() - 600 < found['heddle_process_start_time_seconds{process="1"}'] <= time.time()
    assert not any("bus_connected" in name for name in found), "the application alone has no bus"


def test_agents_are_told_by_host_and_kind(own_cloud: Cloud) -> None:
    for host in ("host1", "gone"):
        worked = RoleState(role="router", configuration={"reconciles": 5, "reconcile_seconds": 1.25})
        roles = [worked, RoleState(role="dhcp")]
        reports.report(own_cloud.store, own_cloud.settings, ReportRequest(host=host, started_at=1.0, roles=roles))
    own_cloud.die("gone")
    found = {name: value for name, value in figures(own_cloud).items() if "agent=" in name}
    router, dhcp = 'agent="neutron-l3-agent"', 'agent="neutron-dhcp-agent"'
    assert found == {
        f'heddle_agent_up{{host="host1",{router}}}': 1, f'heddle_agent_up{{host="host1",{dhcp}}}': 1,
        f'heddle_agent_up{{host="gone",{router}}}': 0, f'heddle_agent_up{{host="gone",{dhcp}}}': 0,
        f'heddle_agent_reconcile_seconds_count{{host="host1",{router}}}': 5,
        f'heddle_agent_reconcile_seconds_sum{{host="host1",{router}}}': 1.25,
    }  # fmt: skip
