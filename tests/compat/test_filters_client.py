"""Every filter of the `openstack` command's lists finds what it should, and not what it should not."""

from __future__ import annotations

from typing import Any

import pytest
from tests.compat.conftest import JSON, Cloud, column

# For each list: what finds the object `it`, and what finds others or nothing.
FILTERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "network": (
        ("--name", "it"), ("--enable",), ("--no-share",), ("--status", "ACTIVE"), ("--project", "sieve"),
        ("--internal",), ("--tags", "a,b"), ("--any-tags", "a,x"), ("--not-tags", "a,x"), ("--not-any-tags", "x,y"),
    ),
    "subnet": (
        ("--name", "it"), ("--dhcp",), ("--service-type", "compute:x"), ("--project", "sieve"), ("--long",),
        ("--gateway", "10.7.0.1"), ("--subnet-pool", "it"), ("--subnet-range", "10.7.0.0/24"), ("--ip-version", "4"),
        ("--network", "it"), ("--tags", "a,b"), ("--any-tags", "a,x"), ("--not-tags", "a,x"), ("--not-any-tags", "x,y"),
    ),
    "port": (
        ("--name", "it"), ("--status", "DOWN"), ("--project", "sieve"), ("--not-any-tags", "x,y"), ("--tags", "a,b"),
        ("--device-id", "11111111-2222-4333-8444-555555555555"), ("--device-owner", "compute:x"),
    ),
    "router": (
        ("--name", "it"), ("--enable",), ("--project", "sieve"), ("--tags", "a,b"), ("--any-tags", "a,x"),
        ("--not-tags", "a,x"), ("--not-any-tags", "x,y"), ("--long",),
    ),
    "subnet pool": (
        ("--name", "it"), ("--no-share",), ("--no-default",), ("--project", "sieve"), ("--address-scope", "it"),
        ("--tags", "a,b"), ("--any-tags", "a,x"), ("--not-tags", "a,x"), ("--not-any-tags", "x,y"), ("--long",),
    ),
    "address scope": (("--name", "it"), ("--project", "sieve"), ("--no-share",), ("--ip-version", "4")),
    "security group": (("--project", "sieve"), ("--any-tags", "a,x"), ("--not-tags", "a,x"), ("--tags", "a,b")),
    "local ip": (("--name", "it"), ("--ip-mode", "translate"), ("--local-ip-address", "10.7.0.77")),
}  # fmt: skip
OTHERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "network": (
        ("--name", "its"), ("--disable",), ("--share",), ("--status", "DOWN"), ("--project", "admin"), ("--external",),
        ("--tags", "a,x"), ("--any-tags", "x,y"), ("--not-tags", "a,b"), ("--not-any-tags", "a,x"),
    ),
    "subnet": (
        ("--name", "its"), ("--no-dhcp",), ("--service-type", "compute:y"), ("--project", "admin"),
        ("--gateway", "10.7.0.2"), ("--subnet-range", "10.7.0.0/25"), ("--ip-version", "6"), ("--tags", "a,x"),
        ("--any-tags", "x,y"), ("--not-tags", "a,b"), ("--not-any-tags", "a,x"),
    ),
    "port": (
        ("--name", "its"), ("--status", "ACTIVE"), ("--project", "admin"), ("--not-any-tags", "a,x"), ("--tags", "a,x"),
        ("--device-id", "11111111-2222-4333-8444-000000000000"), ("--device-owner", "compute:y"),
    ),
    "router": (
        ("--name", "its"), ("--disable",), ("--project", "admin"), ("--tags", "a,x"), ("--any-tags", "x,y"),
        ("--not-tags", "a,b"), ("--not-any-tags", "a,x"),
    ),
    "subnet pool": (
        ("--name", "its"), ("--share",), ("--default",), ("--project", "admin"), ("--tags", "a,x"),
        ("--any-tags", "x,y"), ("--not-tags", "a,b"), ("--not-any-tags", "a,x"),
    ),
    "address scope": (("--name", "its"), ("--project", "admin"), ("--share",), ("--ip-version", "6")),
    "security group": (("--project", "admin"), ("--any-tags", "x,y"), ("--not-tags", "a,b"), ("--tags", "a,x")),
    "local ip": (("--name", "its"), ("--ip-mode", "passthrough"), ("--local-ip-address", "10.7.0.78")),
}  # fmt: skip


@pytest.fixture(scope="module")
def os_(cloud: Cloud) -> Any:
    """The command as a member of a project with an object of each kind: its name is `it`, its tags are a and b."""
    run = cloud.member("sieve", "sia")
    tags = ("--tag", "a", "--tag", "b")
    run("address", "scope", "create", "it")
    run("subnet", "pool", "create", "it", "--pool-prefix", "10.7.0.0/16", "--address-scope", "it", *tags)
    run("network", "create", "it", *tags)
    block = ("--subnet-pool", "it", "--subnet-range", "10.7.0.0/24", "--service-type", "compute:x")
    run("subnet", "create", "it", "--network", "it", *block, *tags)
    device = ("--device", "11111111-2222-4333-8444-555555555555", "--device-owner", "compute:x")
    run("port", "create", "it", "--network", "it", *device, *tags)
    run("router", "create", "it", *tags)
    run("security", "group", "create", "it", *tags)
    run("local", "ip", "create", "--name", "it", "--network", "it", "--local-ip-address", "10.7.0.77")
    return run


@pytest.mark.parametrize("kind", FILTERS)
def test_filters(cloud: Cloud, os_: Any, kind: str) -> None:
    for narrowed in FILTERS[kind]:
        assert "it" in column(os_(*kind.split(), "list", *narrowed, *JSON)), narrowed
    for narrowed in OTHERS[kind]:
        run = cloud.openstack if "admin" in narrowed else os_
        assert "it" not in column(run(*kind.split(), "list", *narrowed, *JSON)), narrowed


def test_filters_of_the_administrator(cloud: Cloud, os_: Any) -> None:
    admin = cloud.openstack
    shown = admin("network", "show", "it", *JSON)
    kind, number = shown["provider:network_type"], str(shown["provider:segmentation_id"])
    narrow = ("network", "list", "--provider-network-type", kind, "--provider-segment")
    assert column(admin(*narrow, number, *JSON)) == {"it"}
    assert "it" not in column(admin(*narrow, str(int(number) + 1), *JSON))
    assert "it" not in column(admin("network", "list", "--provider-network-type", "flat", *JSON))
    assert "it" not in column(admin("network", "list", "--provider-physical-network", "nowhere", *JSON))
