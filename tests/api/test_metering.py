"""Metering labels and their rules: the administrator's."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.talk import Talk

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
