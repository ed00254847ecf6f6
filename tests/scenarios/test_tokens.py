"""Tokens over the API: each way to log in, what they say, and that what ends them does so at once."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest
from tests.fakes.client import PASSWORD, Client, People, password_login

from heddle.api.app import App
from heddle.api.server import make_app
from heddle.config import Settings, load
from heddle.control.identity import tokens
from heddle.control.identity.bootstrap import bootstrap
from heddle.store.engine import Store

V3 = "/identity/v3"


@pytest.fixture
def blue(people: People, app: App) -> Client:
    """A member of the project blue."""
    people.user("ann", member=people.project("blue"))
    return Client(app).log_in("ann", project="blue")


def valid(client: Client) -> bool:
    return client.get("/v2.0/networks").status == 200


def test_a_token_says_who_where_and_with_which_roles(blue: Client) -> None:
    answer = blue.call("GET", f"{V3}/auth/tokens", headers={"X-Subject-Token": blue.token})
    token = answer.json()["token"]
    assert answer.status == 200 and answer.headers["x-subject-token"] == blue.token
    assert token["user"]["name"] == "ann" and token["user"]["domain"] == {"id": "default", "name": "Default"}
    assert token["project"]["name"] == "blue" and token["methods"] == ["password"]
    assert [role["name"] for role in token["roles"]] == ["member", "reader"]
    urls = {entry["type"]: entry["endpoints"][0]["url"] for entry in token["catalog"]}
    assert urls["identity"] == urls["network"] + "/identity"
    assert blue.call("HEAD", f"{V3}/auth/tokens", headers={"X-Subject-Token": blue.token}).body == b""


def test_scopes(people: People, app: App) -> None:
    id = people.user("ann", reader=people.project("blue"))
    anybody = Client(app)
    unscoped = anybody.log_in("ann")
    assert unscoped.project_id == "" and unscoped.get("/v2.0/networks").json() == {"networks": []}
    assert [p["name"] for p in unscoped.get(f"{V3}/auth/projects").json()["projects"]] == ["blue"]
    assert anybody.post(f"{V3}/auth/tokens", password_login("ann", domain={"id": "default"})).status == 401
    assert anybody.post(f"{V3}/auth/tokens", password_login("ann", system={"all": True})).status == 401
    system = anybody.log_in("admin", system={"all": True})
    assert system.get(f"{V3}/users").status == 200 and system.get(f"{V3}/auth/system").json()["system"]
    people.admin.call("PATCH", f"{V3}/users/{id}", {"user": {"default_project_id": people.project("later")}})
    assert anybody.log_in("ann").project_id == ""
    blue_id = unscoped.get(f"{V3}/auth/projects").json()["projects"][0]["id"]
    people.admin.call("PATCH", f"{V3}/users/{id}", {"user": {"default_project_id": blue_id}})
    assert anybody.log_in("ann").project_id == blue_id


def test_a_token_gets_a_token_that_lives_no_longer(blue: Client) -> None:
    body: dict[str, Any] = {"auth": {"identity": {"methods": ["token"], "token": {"id": blue.token}}}}
    body["auth"]["scope"] = {"project": {"id": blue.project_id}}
    answer = blue.post(f"{V3}/auth/tokens", body)
    first = blue.call("GET", f"{V3}/auth/tokens", headers={"X-Subject-Token": blue.token}).json()["token"]
    assert answer.status == 201 and answer.json()["token"]["expires_at"] == first["expires_at"]
    assert answer.json()["token"]["methods"] == ["password", "token"]
    assert valid(blue.with_token(answer))


def test_a_revoked_token_is_refused_at_once_and_others_are_not(blue: Client, app: App) -> None:
    other = Client(app).log_in("ann", project="blue")
    assert valid(blue) and valid(other)
    assert blue.call("DELETE", f"{V3}/auth/tokens", headers={"X-Subject-Token": blue.token}).status == 204
    assert not valid(blue) and valid(other)
    body = {"auth": {"identity": {"methods": ["token"], "token": {"id": blue.token}}}}
    assert other.post(f"{V3}/auth/tokens", body).status == 401
    gone = other.call("GET", f"{V3}/auth/tokens", headers={"X-Subject-Token": blue.token})
    assert gone.status in (403, 404)


def test_a_new_password_ends_all_tokens_at_once(blue: Client, app: App) -> None:
    wrong = {"user": {"password": "new", "original_password": "guess"}}
    assert blue.post(f"{V3}/users/{blue.user_id}/password", wrong).status == 401
    assert valid(blue)
    right = {"user": {"password": "new", "original_password": PASSWORD}}
    assert blue.post(f"{V3}/users/{blue.user_id}/password", right).status == 204
    assert not valid(blue)
    assert Client(app).post(f"{V3}/auth/tokens", password_login("ann", PASSWORD, "blue")).status == 401
    assert valid(Client(app).log_in("ann", "new", "blue"))


@pytest.mark.parametrize("kind", ["users", "projects", "domains"])
def test_what_is_disabled_is_refused_at_once(kind: str, people: People, app: App) -> None:
    domain = people.admin.post(f"{V3}/domains", {"domain": {"name": "d"}}).json()["domain"]["id"]
    project = people.admin.post(f"{V3}/projects", {"project": {"name": "p", "domain_id": domain}}).json()["project"][
        "id"
    ]
    new = {"user": {"name": "u", "domain_id": domain, "password": PASSWORD}}
    user = people.admin.post(f"{V3}/users", new).json()["user"]["id"]
    people.grant(user, "member", project)
    secret = {"user": {"id": user, "password": PASSWORD}}
    login = {"identity": {"methods": ["password"], "password": secret}, "scope": {"project": {"id": project}}}
    client = Client(app).with_token(Client(app).post(f"{V3}/auth/tokens", {"auth": login}))
    assert valid(client)
    id = {"users": user, "projects": project, "domains": domain}[kind]
    answer = people.admin.call("PATCH", f"{V3}/{kind}/{id}", {kind[:-1]: {"enabled": False}})
    assert answer.status == 200 and answer.json()[kind[:-1]]["enabled"] is False
    assert not valid(client)
    assert Client(app).post(f"{V3}/auth/tokens", {"auth": login}).status == 401


def test_a_role_taken_away_is_refused_at_once(blue: Client, people: People) -> None:
    people.grant(blue.user_id, "reader", blue.project_id)
    body = {"network": {"name": "n"}}
    assert blue.post("/v2.0/networks", body).status == 201
    people.grant(blue.user_id, "member", blue.project_id, "DELETE")
    assert blue.post("/v2.0/networks", body).status == 403 and valid(blue)
    people.grant(blue.user_id, "reader", blue.project_id, "DELETE")
    assert not valid(blue)


def test_what_one_server_revokes_the_other_refuses_at_once(store: Store, settings: Settings) -> None:
    bootstrap(store, PASSWORD, settings)
    one, other = make_app(settings, store), make_app(settings, Store(settings.database_url))
    admin = Client(one).log_in("admin", project="admin")
    same = Client(other, admin.token)
    assert valid(admin) and valid(same)
    assert admin.call("DELETE", f"{V3}/auth/tokens", headers={"X-Subject-Token": admin.token}).status == 204
    assert not valid(same)


def test_a_token_expires(blue: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert valid(blue)
    later = time.time() + 12 * 3600 + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert not valid(blue)


def test_tokens_survive_the_keys_rotation_and_a_restart(store: Store, tmp_path: Any) -> None:
    often = load(overrides=[f"paths.state={tmp_path}/state", "identity.key_rotation_hours=0.0000001"], environ={})
    bootstrap(store, PASSWORD, often)
    first = Client(make_app(often, store)).log_in("admin", project="admin")
    second = Client(make_app(often, store)).log_in("admin", project="admin")
    assert len(list((tmp_path / "state" / "keys").glob("*.key"))) >= 2
    assert valid(first) and valid(second)
    assert valid(Client(make_app(often, store), first.token))


# Refusals


@pytest.mark.parametrize(
    ("user", "password"), [("ann", "wrong"), ("ann", ""), ("nobody", PASSWORD), ("admin", "x" * 5000)]
)
def test_a_refused_login_says_the_same_whatever_is_wrong(blue: Client, app: App, user: str, password: str) -> None:
    answer = Client(app).post(f"{V3}/auth/tokens", password_login(user, password, "blue"))
    assert answer.status == 401
    message = "The request you have made requires authentication."
    assert answer.json() == {"error": {"code": 401, "message": message, "title": "Unauthorized"}}


def test_anothers_project_and_one_that_is_not_are_refused_alike(people: People, blue: Client, app: App) -> None:
    people.project("red")
    answers = [Client(app).post(f"{V3}/auth/tokens", password_login("ann", project=name)) for name in ("red", "none")]
    assert answers[0].status == answers[1].status == 401 and answers[0].body == answers[1].body


def test_many_wrong_guesses_have_to_wait(blue: Client, app: App) -> None:
    attacker = Client(app, address="198.51.100.9")
    statuses = [attacker.post(f"{V3}/auth/tokens", password_login("ann", "wrong")).status for _ in range(7)]
    assert statuses[:5] == [401] * 5 and 429 in statuses
    assert valid(Client(app, address="192.0.2.7").log_in("ann", project="blue"))


def test_the_present_password_cannot_be_guessed_with_a_token(blue: Client) -> None:
    path, body = f"{V3}/users/{blue.user_id}/password", {"user": {"password": "new", "original_password": "guess"}}
    assert 429 in [blue.post(path, body).status for _ in range(8)]


GOOD = password_login("ann", project="blue")["auth"]


@pytest.mark.parametrize(
    "auth",
    [
        None, [], "x", {}, {"identity": []}, {"identity": {"methods": ["password"]}},
        {"identity": {"methods": ["password"], "password": {"user": {"name": "ann", "password": PASSWORD}}}},
        {"identity": {"methods": ["password"], "password": {"user": {"id": 7, "password": PASSWORD}}}},
        {"identity": {"methods": ["password"], "password": {"user": {"id": "x\ud800", "password": "y"}}}},
        {"identity": {"methods": ["token"], "token": {}}}, {**GOOD, "scope": []}, {**GOOD, "scope": {"project": {}}},
        {**GOOD, "scope": {"teapot": {}}}, {**GOOD, "scope": {"domain": {}}},
        {"identity": {"methods": ["application_credential"], "application_credential": {"name": "a", "secret": "b"}}},
    ],
)  # fmt: skip
def test_a_login_that_makes_no_sense_is_a_bad_request(app: App, auth: Any) -> None:
    assert Client(app).post(f"{V3}/auth/tokens", {"auth": auth}).status == 400


@pytest.mark.parametrize("methods", [["saml2"], [], ["password", "totp"], "password", [["password"]]])
def test_unknown_methods_are_refused(app: App, methods: Any) -> None:
    assert Client(app).post(f"{V3}/auth/tokens", {"auth": {"identity": {"methods": methods}}}).status == 401


@pytest.mark.parametrize("token", ["", "x", "a" * 5000, "gAAAAAB", "é", "-_-_" * 20])
def test_what_is_no_token_is_refused(app: App, token: str) -> None:
    answer = Client(app, token or " ").get("/v2.0/networks")
    assert answer.status == 401 and "www-authenticate" in answer.headers


def test_others_tokens_cannot_be_looked_into(blue: Client, people: People) -> None:
    for method in ("GET", "DELETE"):
        answer = blue.call(method, f"{V3}/auth/tokens", headers={"X-Subject-Token": people.admin.token})
        assert answer.status == 403
        assert blue.call(method, f"{V3}/auth/tokens", headers={"X-Subject-Token": "x"}).status == 403
    assert people.admin.call("GET", f"{V3}/auth/tokens", headers={"X-Subject-Token": "x"}).status == 404


# Application credentials


def _credential(client: Client, **more: Any) -> dict[str, Any]:
    body = {"application_credential": {"name": "robot", **more}}
    answer = client.post(f"{V3}/users/{client.user_id}/application_credentials", body)
    assert answer.status == 201, answer.body
    found: dict[str, Any] = answer.json()["application_credential"]
    return found


def _login(credential: dict[str, Any], secret: str = "") -> dict[str, Any]:
    part = {"id": credential["id"], "secret": secret or credential["secret"]}
    return {"auth": {"identity": {"methods": ["application_credential"], "application_credential": part}}}


def test_an_application_credential_has_the_roles_that_it_was_given(blue: Client) -> None:
    credential = _credential(blue, roles=[{"name": "reader"}])
    answer = blue.post(f"{V3}/auth/tokens", _login(credential))
    assert answer.status == 201
    assert [role["name"] for role in answer.json()["token"]["roles"]] == ["reader"]
    robot = blue.with_token(answer)
    assert valid(robot) and robot.project_id == blue.project_id
    assert robot.post("/v2.0/networks", {"network": {}}).status == 403
    assert blue.post(f"{V3}/auth/tokens", _login(credential, "wrong")).status == 401
    shown = blue.get(f"{V3}/users/{blue.user_id}/application_credentials").json()["application_credentials"]
    assert [item["name"] for item in shown] == ["robot"] and "secret" not in shown[0]


def test_a_credential_by_name(blue: Client) -> None:
    _credential(blue, secret="s3cret")
    part = {"name": "robot", "secret": "s3cret", "user": {"name": "ann", "domain": {"name": "Default"}}}
    body = {"auth": {"identity": {"methods": ["application_credential"], "application_credential": part}}}
    assert blue.post(f"{V3}/auth/tokens", body).status == 201


def test_a_restricted_credential_makes_no_others_and_gets_no_other_token(blue: Client) -> None:
    robot = blue.with_token(blue.post(f"{V3}/auth/tokens", _login(_credential(blue))))
    body = {"application_credential": {"name": "second"}}
    assert robot.post(f"{V3}/users/{blue.user_id}/application_credentials", body).status == 403
    rescope = {"auth": {"identity": {"methods": ["token"], "token": {"id": robot.token}}}}
    assert robot.post(f"{V3}/auth/tokens", rescope).status == 403


def test_a_credential_ends_with_its_deletion_its_time_and_its_role(
    blue: Client, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = _credential(blue, expires_at=tokens.show_time(time.time() + 60), roles=[{"name": "reader"}])
    robot = blue.with_token(blue.post(f"{V3}/auth/tokens", _login(credential)))
    assert valid(robot)
    with monkeypatch.context() as patched:
        later = time.time() + 61
        patched.setattr(time, "time", lambda: later)
        assert not valid(robot) and blue.post(f"{V3}/auth/tokens", _login(credential)).status == 401
    assert valid(robot)
    path = f"{V3}/users/{blue.user_id}/application_credentials/{credential['id']}"
    assert people.user("eve") and Client(blue.app).log_in("eve").get(path).status == 403
    assert blue.call("DELETE", path).status == 204
    assert not valid(robot) and blue.get(path).status == 404


def test_a_role_that_the_token_lacks_cannot_be_given(blue: Client) -> None:
    body = {"application_credential": {"name": "robot", "roles": [{"name": "admin"}]}}
    assert blue.post(f"{V3}/users/{blue.user_id}/application_credentials", body).status == 400


# Secrets


def test_no_log_line_has_a_password_or_a_token(app: App, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = Client(app).log_in("admin", project="admin")
    Client(app).post(f"{V3}/auth/tokens", password_login("admin", "a wrong password"))
    client.get("/v2.0/networks")
    client.post(f"{V3}/users", {"user": {"name": "u", "password": "hidden words"}})
    client.call("DELETE", f"{V3}/auth/tokens", headers={"X-Subject-Token": client.token})
    for secret in (PASSWORD, client.token, "a wrong password", "hidden words"):
        assert secret not in caplog.text
