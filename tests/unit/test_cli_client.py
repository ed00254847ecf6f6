"""The commands' own client of the API: where credentials come from, and what errors say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.api import PASSWORD, FakeApi

from heddle.cli.client import Client, ClientError, Credentials, credentials
from heddle.config import Paths, Settings

CLOUDS = """
clouds:
  admin: {auth: {auth_url: "http://a/v3", username: admin, password: one, project_name: admin}}
  blue: {auth: {auth_url: "http://b/v3", username: u, password: two, project_name: p, user_domain_name: D}}
"""


@pytest.fixture
def api() -> Iterator[FakeApi]:
    made = FakeApi({"ports": [{"id": "1", "name": "web"}, {"id": "2", "name": "twin"}, {"id": "3", "name": "twin"}]})
    made.start()
    yield made
    made.stop()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(paths=Paths(state=str(tmp_path)))


def client(api: FakeApi, password: str = PASSWORD) -> Client:
    return Client(Credentials(f"{api.url}/v3", "admin", password, "admin"))


def test_credentials_of_a_named_cloud(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text(CLOUDS, encoding="utf-8")
    env = {"OS_CLOUD": "blue", "OS_CLIENT_CONFIG_FILE": str(tmp_path / "my.yaml"), "OS_AUTH_URL": "http://no"}
    assert credentials(settings, env) == Credentials("http://b/v3", "u", "two", "p", "D")


def test_credentials_of_the_environment(settings: Settings) -> None:
    env = {"OS_AUTH_URL": "http://c", "OS_USERNAME": "u", "OS_PASSWORD": "three", "OS_PROJECT_NAME": "p"}
    assert credentials(settings, env) == Credentials("http://c", "u", "three", "p")


def test_credentials_that_heddle_left(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "clouds.yaml").write_text(CLOUDS, encoding="utf-8")
    assert credentials(settings, {}).password == "one"


def test_no_credentials_says_how_to_mend(settings: Settings) -> None:
    with pytest.raises(ClientError, match="neither OS_CLOUD nor OS_AUTH_URL is set; source an openrc file"):
        credentials(settings, {})


def test_missing_values_are_named_and_secrets_are_not(settings: Settings) -> None:
    with pytest.raises(ClientError, match="the environment does not say username, project_name") as caught:
        credentials(settings, {"OS_AUTH_URL": "http://c", "OS_PASSWORD": "hidden"})
    assert "hidden" not in str(caught.value)


def test_an_unknown_cloud_names_the_files(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text(CLOUDS, encoding="utf-8")
    with pytest.raises(ClientError, match=r"no cloud 'green' in .*my\.yaml"):
        credentials(settings, {"OS_CLOUD": "green", "OS_CLIENT_CONFIG_FILE": str(tmp_path / "my.yaml")})


def test_find_by_name_and_id(api: FakeApi) -> None:
    assert client(api).find("ports", "web")["id"] == "1"
    assert client(api).find("ports", "2")["name"] == "twin"


def test_find_none_and_several(api: FakeApi) -> None:
    with pytest.raises(ClientError, match="there is no port with the name or id 'x'"):
        client(api).find("ports", "x")
    with pytest.raises(ClientError, match="2 ports have the name 'twin'; name one by its id: 2, 3"):
        client(api).find("ports", "twin")


def test_one_token_for_many_requests(api: FakeApi) -> None:
    one = client(api)
    one.find("ports", "1")
    one.find("ports", "1")
    assert [method for method, _ in api.requests].count("POST") == 1


def test_an_error_gives_the_servers_words(api: FakeApi) -> None:
    with pytest.raises(ClientError, match="404: Port 9 could not be found"):
        client(api).request("PUT", "/v2.0/ports/9", {"port": {}})
    with pytest.raises(ClientError, match="401: The request you have made requires authentication") as caught:
        client(api, "wrong").find("ports", "1")
    assert caught.value.status == 401


def test_a_server_that_is_away(api: FakeApi) -> None:
    api.stop()
    with pytest.raises(ClientError, match=r"cannot be reached: .*is Heddle running"):
        client(api).find("ports", "1")
