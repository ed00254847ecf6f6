"""The Identity API: what temporary tenants of test suites need, what it refuses, and that no input breaks it."""

from __future__ import annotations

import statistics
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.client import PASSWORD, Client, People

from heddle.api.app import App
from heddle.api.auth import EmbeddedAuth
from heddle.api.identity.routes import ROUTES
from heddle.config import Settings
from heddle.control.identity.bootstrap import bootstrap
from heddle.store.engine import Store

V3 = "/identity/v3"


def test_temporary_tenants_come_and_go(people: People, app: App) -> None:
    admin = people.admin
    (domain,) = admin.get(f"{V3}/domains?name=Default").json()["domains"]
    project = {"name": "tempest-1", "description": "x", "domain_id": domain["id"]}
    project = admin.post(f"{V3}/projects", {"project": project}).json()["project"]
    user: dict[str, Any] = {"name": "tempest-u", "password": "p", "domain_id": domain["id"]}
    user |= {"project_id": project["id"], "email": "u@example.com"}
    user = admin.post(f"{V3}/users", {"user": user}).json()["user"]
    assert user["email"] == "u@example.com" and "password" not in user
    grant = f"{V3}/projects/{project['id']}/users/{user['id']}/roles/{people.roles['member']}"
    assert [admin.call("PUT", grant).status for _ in range(2)] == [204, 204]
    assert Client(app).log_in("tempest-u", "p", "tempest-1").get("/v2.0/ports").status == 200
    assert admin.call("DELETE", f"{V3}/users/{user['id']}").status == 204
    assert admin.call("DELETE", f"{V3}/projects/{project['id']}").status == 204
    assert admin.call("HEAD", grant).status == 404


def test_bootstrap_twice_changes_nothing(store: Store, settings: Settings, people: People, app: App) -> None:
    before = people.admin.get(f"{V3}/role_assignments").json()
    bootstrap(store, "another password", settings)
    again = Client(app).log_in("admin", PASSWORD, "admin")
    assert again.get(f"{V3}/role_assignments").json() == before
    bootstrap(store, "another password", settings, reset_password=True)
    assert again.get(f"{V3}/users").status == 401
    Client(app).log_in("admin", "another password", "admin")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/projects", {"project": {"name": "admin"}}, 409),
        ("POST", "/projects", {"project": {}}, 400),
        ("POST", "/projects", {"project": {"name": "x" * 65}}, 400),
        ("POST", "/projects", {"project": {"name": "  "}}, 400),
        ("POST", "/projects", {"project": {"name": "x", "domain_id": "none"}}, 404),
        ("POST", "/projects", {"project": {"name": "x", "parent_id": "none"}}, 400),
        ("POST", "/projects", {"project": {"name": "x", "is_domain": True}}, 400),
        ("POST", "/projects", {"project": {"name": "x", "enabled": "maybe"}}, 400),
        ("POST", "/projects", {"project": {"name": "x", "further": "y" * 5000}}, 400),
        ("POST", "/users", {"user": {"name": "admin"}}, 409),
        ("POST", "/users", {"user": {"name": "x", "password": 7}}, 400),
        ("POST", "/users", {"user": {"name": "x", "password": ""}}, 400),
        ("POST", "/users", {"user": {"name": "x", "id": "chosen"}}, 400),
        ("POST", "/users", {"user": {"name": "x", "password_hash": "chosen"}}, 400),
        ("POST", "/users", {"user": {"name": "x", "generation": 7}}, 400),
        ("POST", "/users", {}, 400),
        ("POST", "/users", [], 400),
        ("POST", "/roles", {"role": {"name": "ADMIN"}}, 409),
        ("POST", "/roles", {"role": {"name": "x", "domain_id": "default"}}, 400),
        ("POST", "/domains", {"domain": {"name": "Default"}}, 409),
        ("PATCH", "/domains/default", {"domain": {"enabled": False}}, 403),
        ("DELETE", "/domains/default", None, 403),
        ("PATCH", "/users/none", {"user": {}}, 404),
        ("DELETE", "/projects/none", None, 404),
        ("PUT", "/projects/none/users/none/roles/none", None, 404),
        ("GET", "/users?enabled=maybe", None, 400),
        ("GET", "/auth/tokens", None, 400),
        ("PUT", "/users", None, 405),
        ("GET", "/teapots", None, 404),
    ],
)
def test_what_is_refused_to_the_administrator(people: People, method: str, path: str, body: Any, status: int) -> None:
    answer = people.admin.call(method, V3 + path, body)
    assert answer.status == status, answer.body
    error = answer.json()["error"]
    assert error["code"] == status and error["message"] and error["title"]


def test_who_looks_for_others_by_name_is_refused_and_not_told_that_there_are_none(people: People, app: App) -> None:
    project = people.project("seen")
    people.project("hidden")
    people.user("sam", member=project)
    sam = Client(app).log_in("sam", project="seen")
    for path, seen, hidden in (("projects", "seen", "hidden"), ("users", "sam", "admin")):
        assert [found["name"] for found in sam.get(f"{V3}/{path}").json()[path]] == [seen]
        assert [found["name"] for found in sam.get(f"{V3}/{path}?name={seen}").json()[path]] == [seen]
        for name in (hidden, "nothing-of-the-kind"):
            answer = sam.get(f"{V3}/{path}?name={name}")
            assert answer.status == 403 and "that you may see" in answer.json()["error"]["message"]
        assert people.admin.get(f"{V3}/{path}?name=nothing-of-the-kind").json()[path] == []
        assert len(people.admin.get(f"{V3}/{path}?name={hidden}").json()[path]) == 1


def test_the_roles_of_the_rules_stay(people: People) -> None:
    for name in ("admin", "manager", "member", "reader"):
        assert people.admin.call("DELETE", f"{V3}/roles/{people.roles[name]}").status == 403
        renamed = people.admin.call("PATCH", f"{V3}/roles/{people.roles[name]}", {"role": {"name": "x"}})
        assert renamed.status == 403


def test_further_attributes_are_kept_and_taken_away(people: People) -> None:
    made = people.admin.post(f"{V3}/projects", {"project": {"name": "p", "colour": "red", "size": 3}}).json()["project"]
    assert made["colour"] == "red" and made["size"] == 3
    path = f"{V3}/projects/{made['id']}"
    changed = people.admin.call("PATCH", path, {"project": {"colour": None, "shape": ["round"]}}).json()["project"]
    assert "colour" not in changed and changed["shape"] == ["round"] and changed["name"] == "p"


def test_a_member_cannot_raise_its_own_rights(people: People, app: App) -> None:
    blue = people.project("blue")
    people.user("ann", manager=blue)
    ann = Client(app).log_in("ann", project="blue")
    grant = f"{V3}/projects/{blue}/users/{ann.user_id}/roles/{people.roles['admin']}"
    assert ann.call("PUT", grant).status == 403
    assert ann.call("PATCH", f"{V3}/users/{ann.user_id}", {"user": {"enabled": True}}).status == 403
    assert ann.post(f"{V3}/users", {"user": {"name": "x"}}).status == 403
    shown = [
        item["role"]["id"]
        for item in ann.get(f"{V3}/role_assignments?user.id={ann.user_id}").json()["role_assignments"]
    ]
    assert shown == [people.roles["manager"]] and ann.get(f"{V3}/role_assignments").status == 403


# Any input


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
NAMES = ("name", "description", "enabled", "domain_id", "password", "tags", "options", "email", "roles", "expires_at")
BODIES = st.one_of(
    JSON,
    st.builds(
        lambda member, body: {member: body},
        st.sampled_from(("user", "project", "role", "domain", "auth", "application_credential")),
        st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), JSON, max_size=5),
    ),
)
WRITES = [route for route in ROUTES if route.method in ("POST", "PATCH")]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(route=st.sampled_from(WRITES), body=BODIES, id=st.text(max_size=12))
def test_no_body_breaks_it(people: People, route: Any, body: Any, id: str) -> None:
    admin = people.admin
    path = route.path.replace("{user_id}", admin.user_id).replace("{id}", id.replace("/", "").replace("?", "") or "x")
    assert admin.call(route.method, path.encode("utf-8", "ignore").decode("latin-1"), body).status < 500


# What a request pays


def test_a_known_token_costs_little(app: App, store: Store, settings: Settings) -> None:
    token = Client(app).log_in("admin", project="admin").token
    auth = EmbeddedAuth(store, settings)

    def microseconds() -> float:
        started = time.perf_counter()
        for _ in range(200):
            auth.authenticate(token)
        return (time.perf_counter() - started) * 1e6 / 200

    assert statistics.median(microseconds() for _ in range(7)) < 60
