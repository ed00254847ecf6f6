"""Logs, with the `openstack` command as python-neutronclient extends it; openstacksdk knows none."""

from __future__ import annotations

from typing import Any

import pytest
from tests.compat.conftest import JSON, Cloud, column

LOG = ("network", "log")


@pytest.fixture(scope="module")
def os_(cloud: Cloud) -> Any:
    """The command as a member of a project, which has a group and a port."""
    run = cloud.member("logs", "lou")
    run("network", "create", "logged")
    run("security", "group", "create", "guarded")
    run("port", "create", "watched", "--network", "logged", "--security-group", "guarded")
    return run


def test_the_command_on_logs(cloud: Cloud, os_: Any) -> None:
    admin = cloud.openstack
    assert column(admin("network", "loggable", "resources", "list", *JSON), "Supported types") == {"security_group"}
    group, port = (os_(*words, "show", name, *JSON)["id"] for words, name in ((("security", "group"), "guarded"),
                                                                             (("port",), "watched")))  # fmt: skip
    of = ("--resource-type", "security_group", "--resource", group, "--target", port)
    made = admin(*LOG, "create", "l", *of, "--event", "DROP", "--description", "d", *JSON)
    assert (made["Name"], made["Event"], made["Type"], made["Enabled"]) == ("l", "DROP", "security_group", True)
    assert (made["Resource"], made["Target"], made["Description"]) == (group, port, "d")
    listed = admin(*LOG, "list", "--long", *JSON)
    assert made["ID"] in column(listed, "ID")
    admin(*LOG, "set", "l", "--name", "m", "--disable", "--description", "e")
    shown = admin(*LOG, "show", "m", *JSON)
    assert (shown["ID"], shown["Enabled"], shown["Description"]) == (made["ID"], False, "e")
    cloud.refuses("disallowed by policy", *LOG, "create", "mine", "--resource-type", "security_group", cloud="logs")
    assert os_(*LOG, "list", *JSON) == []
    cloud.refuses("Unable to find", *LOG, "show", "m", cloud="logs")
    admin(*LOG, "delete", "m")
    assert made["ID"] not in column(admin(*LOG, "list", *JSON), "ID")
