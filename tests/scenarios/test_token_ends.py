"""What ends a token, each beside the tokens that it leaves: others of the same user, the same project, the same roles.

A token is refused with 401 in every part of the API from the moment on, as the reference refuses it.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.client import PASSWORD, Answer, Client, People, password_login

from heddle.api.app import App
from heddle.config import Settings
from heddle.control.identity import tokens
from heddle.control.identity.key_storage import KeyFolder
from heddle.control.identity.keys import KeyRing

V3 = "/identity/v3"


@dataclass
class Site:
    """Ann has a role of its own in a project of a domain of her own; beside her are others with other tokens."""

    people: People
    app: App
    domain: str
    project: str
    user: str
    role: str
    ann: Client
    beside: dict[str, Client]

    def change(self, kind: str, id: str, **values: Any) -> None:
        answer = self.people.admin.call("PATCH", f"{V3}/{kind}s/{id}", {kind: values})
        assert answer.status == 200, answer.body

    def remove(self, kind: str, id: str) -> None:
        assert self.people.admin.call("DELETE", f"{V3}/{kind}s/{id}").status == 204

    def log_in(self, user: str, project: str, domain: str = "") -> Answer:
        secret = {"user": {"id": user, "password": PASSWORD}}
        identity = {"methods": ["password"], "password": secret}
        scope = {"domain": {"id": domain}} if domain else {"project": {"id": project}}
        return Client(self.app).post(f"{V3}/auth/tokens", {"auth": {"identity": identity, "scope": scope}})


def make(people: People, kind: str, **values: Any) -> str:
    answer = people.admin.post(f"{V3}/{kind}s", {kind: values})
    assert answer.status == 201, answer.body
    return str(answer.json()[kind]["id"])


@pytest.fixture
def site(people: People, app: App) -> Site:
    domain = make(people, "domain", name="d")
    project = make(people, "project", name="p", domain_id=domain)
    other_project = make(people, "project", name="q")
    user = make(people, "user", name="ann", domain_id=domain, password=PASSWORD)
    colleague = make(people, "user", name="bob", password=PASSWORD)
    role = make(people, "role", name="auditor")
    people.roles["auditor"] = role
    grants = ((user, "auditor", project), (user, "reader", other_project), (colleague, "reader", project))
    for who, what, where in grants:
        people.grant(who, what, where)
    made = Site(people, app, domain, project, user, role, Client(app), {})
    client = Client(app)
    made.ann = client.with_token(made.log_in(user, project))
    made.beside = {
        "her other project": client.with_token(made.log_in(user, other_project)),
        "her colleague": client.with_token(made.log_in(colleague, project)),
        "the administrator": people.admin,
    }
    return made


def refused_everywhere(client: Client) -> None:
    """Every part of the API answers 401, in the words of its clients, and says where to log in."""
    for method, path, body in (
        ("GET", "/v2.0/networks", None), ("POST", "/v2.0/networks", {"network": {}}), ("DELETE", "/v2.0/ports/x", None),
        ("GET", "/v2.0/quotas/x", None), ("GET", "/v2.0/no/such/thing", None), ("GET", "/heddle/v1/hosts", None),
    ):  # fmt: skip
        answer = client.call(method, path, body)
        assert answer.status == 401, (path, answer.body)
        assert answer.json()["NeutronError"]["type"] == "Unauthorized"
        assert "www-authenticate" in answer.headers
    for path in ("auth/projects", "auth/tokens", "users", "auth/catalog"):
        answer = client.call("GET", f"{V3}/{path}", headers={"X-Subject-Token": client.token})
        assert (answer.status, answer.json()["error"]["code"]) == (401, 401), path
    body = {"auth": {"identity": {"methods": ["token"], "token": {"id": client.token}}}}
    assert Client(client.app).post(f"{V3}/auth/tokens", body).status == 401


def valid(client: Client) -> bool:
    return client.get("/v2.0/networks").status == 200


ENDS: dict[str, tuple[Callable[[Site], Any], set[str]]] = {
    "the project is disabled": (lambda s: s.change("project", s.project, enabled=False), {"her colleague"}),
    "the project is deleted": (lambda s: s.remove("project", s.project), {"her colleague"}),
    "the user is disabled": (lambda s: s.change("user", s.user, enabled=False), {"her other project"}),
    "the user is deleted": (lambda s: s.remove("user", s.user), {"her other project"}),
    "the password is set": (lambda s: s.change("user", s.user, password="new words"), {"her other project"}),
    "the domain is disabled": (
        lambda s: s.change("domain", s.domain, enabled=False), {"her colleague", "her other project"},
    ),
    "the role is taken away": (lambda s: s.people.grant(s.user, "auditor", s.project, "DELETE"), set()),
    "the role is deleted": (lambda s: s.remove("role", s.role), set()),
    "she logs out": (
        lambda s: s.ann.call("DELETE", f"{V3}/auth/tokens", headers={"X-Subject-Token": s.ann.token}), set(),
    ),
    "the administrator revokes it": (
        lambda s: s.people.admin.call("DELETE", f"{V3}/auth/tokens", headers={"X-Subject-Token": s.ann.token}), set(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", ENDS)
def test_what_ends_a_token(site: Site, what: str) -> None:
    end, ended = ENDS[what]
    assert valid(site.ann) and all(map(valid, site.beside.values()))
    end(site)
    refused_everywhere(site.ann)
    assert {name for name, client in site.beside.items() if not valid(client)} == ended


@pytest.mark.parametrize("kind", ["project", "user"])
def test_one_of_the_same_name_does_not_take_the_tokens_over(site: Site, kind: str) -> None:
    id = {"project": site.project, "user": site.user}[kind]
    name = {"project": "p", "user": "ann"}[kind]
    site.remove(kind, id)
    more = {"password": PASSWORD} if kind == "user" else {}
    again = make(site.people, kind, name=name, domain_id=site.domain, **more)
    site.people.grant(again if kind == "user" else site.user, "auditor", again if kind == "project" else site.project)
    refused_everywhere(site.ann)
    answer = site.log_in(again if kind == "user" else site.user, again if kind == "project" else site.project)
    assert answer.status == 201 and valid(Client(site.app).with_token(answer))


@pytest.mark.parametrize("kind", ["user", "project", "domain"])
def test_what_is_enabled_again_takes_new_tokens_alone(
    site: Site, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    id = {"user": site.user, "project": site.project, "domain": site.domain}[kind]
    now = time.time()
    for seconds, enabled in ((5, False), (10, True)):
        monkeypatch.setattr(time, "time", lambda seconds=seconds: now + seconds)
        site.change(kind, id, enabled=enabled)
        refused_everywhere(site.ann)
        assert site.log_in(site.user, site.project).status == (201 if enabled else 401)
    assert valid(Client(site.app).with_token(site.log_in(site.user, site.project)))
    assert valid(site.beside["the administrator"])
    assert valid(site.beside["her colleague"]) is (kind == "user")
    assert valid(site.beside["her other project"]) is (kind == "project")


def test_roles_on_a_domain_and_on_the_system(site: Site) -> None:
    """Tokens for these end with the role on them, and with nothing else."""
    admin, reader = site.people.admin, site.people.roles["reader"]
    paths = {
        "domain": f"{V3}/domains/{site.domain}/users/{site.user}/roles/{reader}",
        "system": f"{V3}/system/users/{site.user}/roles/{reader}",
    }
    login = {"identity": {"methods": ["password"], "password": {"user": {"id": site.user, "password": PASSWORD}}}}
    scopes: dict[str, Any] = {"domain": {"domain": {"id": site.domain}}, "system": {"system": {"all": True}}}
    held = {}
    for scope, path in paths.items():
        assert admin.call("PUT", path).status == 204
        answer = Client(site.app).post(f"{V3}/auth/tokens", {"auth": {**login, "scope": scopes[scope]}})
        assert answer.status == 201, answer.body
        held[scope] = Client(site.app).with_token(answer)
    for scope, path in paths.items():
        others = [client for name, client in held.items() if name > scope]
        assert valid(held[scope])
        assert admin.call("DELETE", path).status == 204
        assert not valid(held[scope]) and all(map(valid, others)) and valid(site.ann)


# Tokens that nobody issued


@pytest.fixture
def ring(settings: Settings) -> KeyRing:
    """The server's own keys."""
    return KeyRing(KeyFolder(Path(settings.paths.state) / "keys"), 3600, 0)


def test_a_token_of_another_key(site: Site, ring: KeyRing, tmp_path: Path) -> None:
    """The same claims: sealed by the server's key they are taken, by a key of somebody else's they are not."""
    claims = tokens.read(ring, site.ann.token)
    assert valid(Client(site.app, tokens.seal(ring, claims)))
    (tmp_path / "other").mkdir(mode=0o700)
    forged = tokens.seal(KeyRing(KeyFolder(tmp_path / "other" / "keys"), 3600, 0), claims)
    refused_everywhere(Client(site.app, forged))
    own = base64.urlsafe_b64decode(site.ann.token + "==")
    named_alike = own[:4] + base64.urlsafe_b64decode(forged + "==")[4:]
    refused_everywhere(Client(site.app, base64.urlsafe_b64encode(named_alike).decode().rstrip("=")))


def test_a_token_with_one_bit_changed(site: Site) -> None:
    sealed = base64.urlsafe_b64decode(site.ann.token + "==")
    for place in range(0, len(sealed), 7):
        changed = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        assert not valid(Client(site.app, base64.urlsafe_b64encode(changed).decode().rstrip("=")))
    for token in (site.ann.token[:-4], site.ann.token + "AAAA", site.ann.token[4:], site.ann.token * 2):
        assert not valid(Client(site.app, token))
    assert valid(site.ann)


def test_a_token_that_has_expired(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = site.ann.call("GET", f"{V3}/auth/tokens", headers={"X-Subject-Token": site.ann.token})
    until = time.mktime(time.strptime(answer.json()["token"]["expires_at"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
    now = time.time()
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: until - 2)
        assert valid(site.ann)
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: until + 1)
        refused_everywhere(site.ann)
        assert valid(Client(site.app).log_in("admin", project="admin"))
    assert until > now and valid(site.ann)


def test_a_subject_that_has_ended_is_not_found(site: Site) -> None:
    """Who may look into tokens is told that there is none; it is not their own that has ended."""
    admin = site.people.admin
    headers = {"X-Subject-Token": site.ann.token}
    assert admin.call("GET", f"{V3}/auth/tokens", headers=headers).status == 200
    site.remove("project", site.project)
    for method in ("GET", "HEAD", "DELETE"):
        assert admin.call(method, f"{V3}/auth/tokens", headers=headers).status == 404
    assert Client(site.app).post(f"{V3}/auth/tokens", password_login("admin", project="admin")).status == 201
