"""Metering labels and their rules: the administrator's."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk

from heddle.agent.mirror import Mirror
from heddle.control import reports, sync
from heddle.view.compile import Compiler
from heddle.view.types import FetchRequest, MeteringRule, MeterReading, ReportRequest, RoleState

ID = "7c241101-e2bb-4255-8caf-4136c566a963"


def test_labels(admin: Talk, blue: Talk) -> None:
    made = admin.create("metering_label", name="l", description="d", shared=True)
    assert made == {
        "id": made["id"], "name": "l", "description": "d", "shared": True, "project_id": admin.project_id,
        "tenant_id": admin.project_id,
    }  # fmt: skip
    path = f"/v2.0/metering/metering-labels/{made['id']}"
    assert admin.client.get(path).json() == {"metering_label": made}
    found = admin.client.get("/v2.0/metering/metering-labels?id=33").json()
    assert found == {"metering_labels": []}
    assert admin.client.get(f"/v2.0/metering/metering_labels?id={made['id']}").json() == {"metering_labels": [made]}
    assert len(admin.create("metering_label", name="x" * 255)["name"]) == 255
    admin.no_create(400, "HTTPBadRequest", "metering_label", name="x" * 256)
    admin.refused(405, "HTTPMethodNotAllowed", "PUT", path, {"metering_label": {"name": "m"}})
    blue.no_create(403, "PolicyNotAuthorized", "metering_label", name="l")
    blue.refused(404, "MeteringLabelNotFound", "GET", path)
    admin.delete("metering_label", made["id"])
    admin.no_delete(404, "MeteringLabelNotFound", "metering_label", made["id"])


def rule(talk: Talk, label: dict[str, Any], **more: Any) -> dict[str, Any]:
    return talk.create("metering_label_rule", metering_label_id=label["id"], **more)


def test_rules(admin: Talk, blue: Talk) -> None:
    label = admin.create("metering_label")
    made = rule(admin, label, direction="ingress", remote_ip_prefix="10.0.0.0/24")
    assert made == {
        "id": made["id"], "metering_label_id": label["id"], "direction": "ingress", "excluded": False,
        "remote_ip_prefix": "10.0.0.0/24", "source_ip_prefix": None, "destination_ip_prefix": None,
        "project_id": admin.project_id, "tenant_id": admin.project_id,
    }  # fmt: skip
    path = "/v2.0/metering/metering-label-rules"
    assert admin.client.get(f"{path}/{made['id']}").json() == {"metering_label_rule": made}
    both = rule(admin, label, direction="egress", source_ip_prefix="10.0.0.1", destination_ip_prefix="fd00::/64")
    assert (both["source_ip_prefix"], both["destination_ip_prefix"]) == ("10.0.0.1/32", "fd00::/64")
    found = admin.client.get(f"{path}?metering_label_id={label['id']}&direction=egress").json()
    assert found == {"metering_label_rules": [both]}
    assert blue.client.get(path).json() == {"metering_label_rules": []}
    blue.refused(404, "MeteringLabelRuleNotFound", "DELETE", f"{path}/{made['id']}")
    admin.delete("metering_label_rule", made["id"])
    admin.delete("metering_label", label["id"])
    admin.no_delete(404, "MeteringLabelRuleNotFound", "metering_label_rule", both["id"])


@pytest.mark.parametrize(
    ("status", "kind", "more"),
    [
        (400, "Invalid", {}),
        (400, "Invalid", {"remote_ip_prefix": "10.1.0.0/24", "source_ip_prefix": "10.0.0.0/24"}),
        (400, "HTTPBadRequest", {"remote_ip_prefix": "x"}),
        (400, "HTTPBadRequest", {"source_ip_prefix": "10.0.0.0/33"}),
        (400, "HTTPBadRequest", {"remote_ip_prefix": "10.1.0.0/24", "direction": "up"}),
        (404, "MeteringLabelNotFound", {"remote_ip_prefix": "10.1.0.0/24", "metering_label_id": ID}),
        (409, "MeteringLabelRuleOverlaps", {"remote_ip_prefix": "10.0.0.128/25"}),
        (409, "MeteringLabelRuleOverlaps", {"remote_ip_prefix": "0.0.0.0/0"}),
    ],
)
def test_wrong_rules_are_refused(admin: Talk, status: int, kind: str, more: dict[str, Any]) -> None:
    label = admin.create("metering_label")
    kept = rule(admin, label, direction="ingress", remote_ip_prefix="10.0.0.0/24")
    body = {"metering_label_id": label["id"], "direction": "ingress", **more}
    admin.no_create(status, kind, "metering_label_rule", body)
    path = f"/v2.0/metering/metering-label-rules?metering_label_id={label['id']}"
    assert admin.client.get(path).json() == {"metering_label_rules": [kept]}


def test_rules_of_other_kinds_may_overlap(admin: Talk) -> None:
    label = admin.create("metering_label")
    rule(admin, label, direction="ingress", remote_ip_prefix="10.0.0.0/24")
    rule(admin, label, direction="egress", remote_ip_prefix="10.0.0.0/24")
    rule(admin, label, direction="ingress", remote_ip_prefix="10.0.0.0/25", excluded=True)
    rule(admin, label, direction="ingress", remote_ip_prefix="fd00::/64")
    rule(admin, admin.create("metering_label"), direction="ingress", remote_ip_prefix="10.0.0.0/24")


def serving(cloud: Cloud, talk: Talk, host: str) -> str:
    """A router of the project on a host."""
    cloud.report(host)
    router = str(talk.create("router", name="r")["id"])
    agents = cloud.admin.client.get(f"/v2.0/agents?host={host}&binary=neutron-l3-agent").json()["agents"]
    for agent in cloud.admin.client.get(f"/v2.0/routers/{router}/l3-agents").json()["agents"]:
        cloud.admin.client.delete(f"/v2.0/agents/{agent['id']}/l3-routers/{router}")
    assert cloud.admin.client.post(f"/v2.0/agents/{agents[0]['id']}/l3-routers", {"router_id": router}).status == 201
    return router


def labels_on(cloud: Cloud, mirror: Mirror, host: str) -> dict[str, list[MeteringRule]]:
    for _ in range(2):
        asked = FetchRequest(host=host, revision=mirror.revision, scopes=sorted(mirror.scopes))
        mirror.apply(sync.fetch(cloud.store, Compiler(), asked))
    return {label.id: label.rules for label in mirror.metering_labels.values()}


def test_hosts_are_told_the_labels_of_the_routers_they_serve(own_cloud: Cloud) -> None:
    admin, blue, mirror = own_cloud.admin, own_cloud.tenant(), Mirror()
    serving(own_cloud, blue, "host1")
    own = admin.create("metering_label", project_id=blue.project_id)
    shared = admin.create("metering_label", shared=True)
    admin.create("metering_label", project_id=own_cloud.tenant().project_id)
    assert labels_on(own_cloud, mirror, "host1") == {own["id"]: [], shared["id"]: []}
    assert labels_on(own_cloud, Mirror(), "host2") == {}
    out = rule(admin, own, direction="egress", remote_ip_prefix="10.0.0.7/24")
    into = rule(admin, own, direction="ingress", remote_ip_prefix="10.0.0.7/32", excluded=True)
    both = rule(admin, shared, direction="ingress", source_ip_prefix="fd00::/64", destination_ip_prefix="fd01::1")
    found = labels_on(own_cloud, mirror, "host1")
    wanted = [
        MeteringRule(out["id"], "egress", source="10.0.0.0/24"),
        MeteringRule(into["id"], "ingress", True, destination="10.0.0.7/32"),
    ]
    assert sorted(found[own["id"]], key=lambda each: each.direction) == wanted
    assert found[shared["id"]] == [MeteringRule(both["id"], "ingress", False, "fd00::/64", "fd01::1/128")]
    admin.delete("metering_label_rule", out["id"])
    admin.delete("metering_label", shared["id"])
    assert labels_on(own_cloud, mirror, "host1") == {own["id"]: [wanted[1]]}


def test_what_hosts_counted_adds_up(own_cloud: Cloud) -> None:
    """Readings that come again change nothing; counters that were made anew, and those of other hosts, are added."""
    admin = own_cloud.admin
    label = admin.create("metering_label", name="web", shared=True)
    gone = admin.create("metering_label")

    def tell(host: str, *readings: tuple[str, int, int]) -> None:
        told = [
            MeterReading(label_id=id, router_id=router, since=since, packets=size // 100, bytes=size)
            for id, (router, since, size) in [(label["id"], each) for each in readings]
        ]  # fmt: skip
        role = RoleState(role="router", readings=told)
        reports.report(own_cloud.store, own_cloud.settings, ReportRequest(host=host, started_at=1.0, roles=[role]))

    def total() -> tuple[int, int]:
        found = {each["label_id"]: each for each in admin.client.get("/heddle/v1/metering").json()["metering"]}
        assert found[label["id"]]["bytes"] == sum(each["bytes"] for each in found[label["id"]]["routers"])
        lines = admin.client.get("/metrics").body.decode().splitlines()
        metric = f'heddle_metering_bytes_total{{label="{label["id"]}"}} {found[label["id"]]["bytes"]}'
        assert metric in lines or not found[label["id"]]["routers"]
        return found[label["id"]]["packets"], found[label["id"]]["bytes"]

    assert total() == (0, 0)
    tell("host1", ("r1", 5, 1000))
    tell("host1", ("r1", 5, 1000))
    tell("host1", ("r1", 5, 900))
    assert total() == (10, 1000)
    tell("host1", ("r1", 5, 1500), ("r2", 6, 200))
    assert total() == (17, 1700)
    tell("host2", ("r1", 9, 400))
    tell("host1", ("r1", 10, 100), ("r1", 5, 1600))
    tell("host1", ("r1", 10, 100), ("r1", 5, 1600))
    assert total() == (23, 2300)
    admin.delete("metering_label", gone["id"])
    tell("host1", ("r1", 10, 300))
    assert total() == (25, 2500)
    admin.delete("metering_label", label["id"])
    tell("host1", ("r1", 10, 900))
    assert admin.client.get("/heddle/v1/metering").json() == {"metering": []}
    assert label["id"] not in admin.client.get("/metrics").body.decode()


def test_counts_are_the_administrators(blue: Talk) -> None:
    blue.refused(403, "PolicyNotAuthorized", "GET", "/heddle/v1/metering")
