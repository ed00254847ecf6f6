"""Identity with the real `openstack` command and openstacksdk, against a real server."""

from __future__ import annotations

import time
from typing import Any

import keystoneauth1.exceptions
import openstack
import openstack.exceptions
import pytest
from tests.compat.conftest import JSON, Cloud, column
from tests.fakes.client import PASSWORD


@pytest.fixture(scope="module")
def blue(cloud: Cloud) -> str:
    """A project with a member, who logs in as the cloud `blue`."""
    project = cloud.openstack("project", "create", "blue", "--description", "the blue ones", *JSON)
    cloud.openstack("user", "create", "ann", "--password", PASSWORD, "--email", "ann@example.org", *JSON)
    cloud.openstack("role", "add", "--project", "blue", "--user", "ann", "member")
    cloud.add("blue", username="ann", password=PASSWORD, project_name="blue")
    return str(project["id"])


def test_token_and_catalog(cloud: Cloud, blue: str) -> None:
    token = cloud.run_alone("token", "issue", *JSON, cloud="blue")
    assert token["project_id"] == blue and token["id"]
    catalog = cloud.openstack("catalog", "list", *JSON, cloud="blue")
    assert column(catalog) == {"neutron", "keystone"}
    shown = cloud.openstack("catalog", "show", "network", *JSON, cloud="blue")
    assert {entry["url"] for entry in shown["endpoints"]} == {cloud.url}
    assert cloud.openstack("network", "list", "--internal", *JSON, cloud="blue") == []
    cloud.openstack("token", "revoke", token["id"], cloud="blue")


def test_the_administrator_sees_everything(cloud: Cloud, blue: str) -> None:
    assert column(cloud.openstack("project", "list", *JSON)) >= {"admin", "blue"}
    assert column(cloud.openstack("user", "list", *JSON)) >= {"admin", "ann"}
    assert column(cloud.openstack("user", "list", "--project", "blue", *JSON)) == {"ann"}
    assert column(cloud.openstack("role", "list", *JSON)) == {"admin", "manager", "member", "reader"}
    assert column(cloud.openstack("domain", "list", *JSON)) >= {"Default"}
    assert cloud.openstack("user", "show", "ann", *JSON)["email"] == "ann@example.org"
    assert cloud.openstack("project", "show", "blue", *JSON)["description"] == "the blue ones"
    assert cloud.openstack("domain", "show", "default", *JSON)["name"] == "Default"
    assert cloud.openstack("role", "show", "member", *JSON)["name"] == "member"
    assert cloud.openstack("group", "list", *JSON) == []
    assert len(cloud.openstack("implied", "role", "list", *JSON)) == 3
    assert len(cloud.openstack("endpoint", "list", *JSON)) == 6
    assert column(cloud.openstack("service", "list", *JSON)) == {"neutron", "keystone"}
    assert column(cloud.openstack("region", "list", *JSON), "Region") == {"RegionOne"}
    assert "'Version': '3.14'" in str(cloud.openstack("versions", "show", "--service", "identity", *JSON))


def test_role_assignments(cloud: Cloud, blue: str) -> None:
    listed = cloud.openstack("role", "assignment", "list", "--project", "blue", "--names", *JSON)
    assert [(item["Role"], item["User"], item["Project"]) for item in listed] == [
        ("member", "ann@Default", "blue@Default")
    ]
    effective = cloud.openstack("role", "assignment", "list", "--user", "ann", "--effective", "--names", *JSON)
    assert column(effective, "Role") == {"member", "reader"}
    cloud.openstack("role", "add", "--project", "blue", "--user", "ann", "reader")
    cloud.openstack("role", "remove", "--project", "blue", "--user", "ann", "reader")
    cloud.openstack("role", "add", "--domain", "default", "--user", "ann", "reader")
    cloud.openstack("role", "remove", "--domain", "default", "--user", "ann", "reader")
    cloud.openstack("role", "add", "--system", "all", "--user", "ann", "reader")
    assert len(cloud.openstack("role", "assignment", "list", "--system", "all", "--user", "ann", *JSON)) == 1
    cloud.openstack("role", "remove", "--system", "all", "--user", "ann", "reader")


def test_the_life_of_users_projects_roles_and_domains(cloud: Cloud) -> None:
    cloud.openstack("domain", "create", "wool", *JSON)
    cloud.openstack("project", "create", "spin", "--domain", "wool", "--tag", "a", "--property", "k=v", *JSON)
    cloud.openstack("user", "create", "bob", "--domain", "wool", "--project", "spin", "--password", "x", *JSON)
    cloud.openstack("role", "create", "weaver", *JSON)
    cloud.openstack("role", "set", "weaver", "--name", "spinner")
    cloud.openstack("role", "add", "--user", "bob", "--user-domain", "wool", "--project", "spin", "spinner")
    cloud.openstack("project", "set", "spin", "--domain", "wool", "--name", "spun", "--disable")
    shown = cloud.openstack("project", "show", "spun", "--domain", "wool", *JSON)
    assert shown["enabled"] is False and shown["tags"] == ["a"] and shown["k"] == "v"
    cloud.openstack("user", "set", "bob", "--domain", "wool", "--email", "b@example.org", "--disable")
    assert cloud.openstack("user", "show", "bob", "--domain", "wool", *JSON)["enabled"] is False
    cloud.openstack("user", "delete", "bob", "--domain", "wool")
    cloud.openstack("project", "delete", "spun", "--domain", "wool")
    cloud.openstack("role", "delete", "spinner")
    cloud.openstack("domain", "set", "wool", "--disable")
    cloud.openstack("domain", "delete", "wool")
    assert "wool" not in column(cloud.openstack("domain", "list", *JSON))


def test_a_tenant_sees_what_is_its_own(cloud: Cloud, blue: str) -> None:
    assert column(cloud.openstack("project", "list", *JSON, cloud="blue")) == {"blue"}
    assert cloud.openstack("project", "show", "blue", *JSON, cloud="blue")["id"] == blue
    assert cloud.openstack("user", "show", "ann", *JSON, cloud="blue")["name"] == "ann"
    assert column(cloud.openstack("user", "list", *JSON, cloud="blue")) == {"ann"}
    assert column(cloud.openstack("domain", "list", *JSON, cloud="blue")) == {"Default"}
    for command in (("role", "list"), ("user", "create", "mine"), ("project", "create", "mine")):
        done = cloud.run(*command, cloud="blue")
        assert done.returncode != 0 and "403" in done.stderr, done.stderr


def test_errors_read_well(cloud: Cloud) -> None:
    assert "409" in cloud.run("project", "create", "admin").stderr
    assert "No Project found" in cloud.run("project", "show", "nothing-of-the-kind").stderr
    cloud.add("wrong", username="admin", password="guess", project_name="admin")
    done = cloud.run("token", "issue", cloud="wrong")
    assert done.returncode != 0 and "requires authentication" in done.stderr


def test_application_credentials(cloud: Cloud, blue: str) -> None:
    made = cloud.openstack(
        "application", "credential", "create", "robot", "--role", "reader", "--expiration",
        "2099-01-01T00:00:00", *JSON, cloud="blue",
    )  # fmt: skip
    secret = {"application_credential_id": made["ID"], "application_credential_secret": made["Secret"]}
    cloud.add("robot", auth_type="v3applicationcredential", **secret)
    assert cloud.openstack("network", "list", "--internal", *JSON, cloud="robot") == []
    assert "403" in cloud.run("network", "create", "n", cloud="robot").stderr
    listed = cloud.openstack("application", "credential", "list", *JSON, cloud="blue")
    assert column(listed) == {"robot"}
    shown = cloud.openstack("application", "credential", "show", "robot", *JSON, cloud="blue")
    assert shown["ID"] == made["ID"] and not shown.get("Secret")
    cloud.openstack("application", "credential", "delete", "robot", cloud="blue")
    assert "401" in cloud.run("network", "list", cloud="robot").stderr


def test_a_user_changes_the_password(cloud: Cloud, blue: str) -> None:
    cloud.openstack("user", "create", "cyd", "--password", "old", *JSON)
    cloud.openstack("role", "add", "--project", "blue", "--user", "cyd", "reader")
    cloud.add("cyd", username="cyd", password="old", project_name="blue")
    cloud.openstack("user", "password", "set", "--original-password", "old", "--password", "new", cloud="cyd")
    assert cloud.run("token", "issue", cloud="cyd").returncode != 0
    cloud.add("cyd", username="cyd", password="new", project_name="blue")
    cloud.openstack("token", "issue", *JSON, cloud="cyd")


# openstacksdk


def connect(cloud: Cloud, **auth: Any) -> openstack.connection.Connection:
    auth = {"username": "admin", "password": PASSWORD, "project_name": "admin", **auth}
    return openstack.connect(
        auth_url=f"{cloud.url}/identity", user_domain_id="default", project_domain_id="default",
        region_name="RegionOne", load_yaml_config=False, load_envvars=False, **auth,
    )  # fmt: skip


def test_the_sdk_makes_a_tenant_who_logs_in(cloud: Cloud) -> None:
    admin = connect(cloud)
    project = admin.identity.create_project(name="jade", domain_id="default")
    user = admin.identity.create_user(name="eva", password="x", domain_id="default", default_project_id=project.id)
    role = admin.identity.find_role("member")
    admin.identity.assign_project_role_to_user(project, user, role)
    assert admin.identity.validate_user_has_project_role(project, user, role)
    assert [found.name for found in admin.identity.users(name="eva")] == ["eva"]
    eva = connect(cloud, username="eva", password="x", project_name="jade")
    assert eva.current_project_id == project.id and list(eva.network.networks(is_router_external=False)) == []
    assert [found.name for found in eva.identity.user_projects(user)] == ["jade"]
    assert [found.name for found in eva.identity.users()] == ["eva"]
    with pytest.raises(openstack.exceptions.ForbiddenException):
        eva.identity.create_user(name="mallory")
    admin.identity.unassign_project_role_from_user(project, user, role)
    with pytest.raises(keystoneauth1.exceptions.Unauthorized):
        list(eva.network.networks())
    admin.identity.delete_user(user)
    admin.identity.delete_project(project)
    assert admin.identity.find_project("jade") is None


def test_a_login_costs_little(cloud: Cloud) -> None:
    times = []
    for _ in range(3):
        started = time.perf_counter()
        connect(cloud).authorize()
        times.append(time.perf_counter() - started)
    assert min(times) < 1
