"""Filters with more values than a database takes in one statement: found, or refused with the reason; never 503."""

from __future__ import annotations

import pytest
from tests.api.talk import Talk

MANY = range(1900)
TAGS = ",".join(f"t{number}" for number in MANY)


@pytest.mark.parametrize("name", ["tags", "tags-any", "not-tags", "not-tags-any"])
def test_very_many_tags_are_refused(blue: Talk, name: str) -> None:
    said = blue.refused(400, "HTTPBadRequest", "GET", f"/v2.0/ports?{name}={TAGS}")
    assert "1900" in said and "100" in said


def test_very_many_parts_of_addresses_are_refused(blue: Talk) -> None:
    query = "&".join(f"fixed_ips=ip_address_substr%3D{number}" for number in MANY)
    assert "fixed_ips" in blue.refused(400, "HTTPBadRequest", "GET", f"/v2.0/ports?{query}")


@pytest.mark.parametrize(
    "text", ["id=x{}", "fixed_ips=ip_address%3D{}", "changed_since=2026-01-01T00:00:{:02}Z", "name={}"]
)
def test_many_other_values_are_looked_for(blue: Talk, text: str) -> None:
    network = blue.create("network", name="7")
    assert blue.port(network)
    query = "&".join(text.format(number % 60) for number in MANY)
    assert blue.client.get(f"/v2.0/ports?{query}").status == 200


def test_the_latest_of_several_times_counts(blue: Talk) -> None:
    network = blue.create("network")
    since = f"changed_since={network['updated_at']}"
    assert blue.ids("network", f"?{since}&changed_since=2001-01-01T00:00:00Z&id={network['id']}") == [network["id"]]
    assert blue.ids("network", f"?{since}&changed_since=2999-01-01T00:00:00Z&id={network['id']}") == []


def test_a_truth_that_is_asked_very_often(admin: Talk) -> None:
    query = "&".join(f"alive={'true' if number % 2 else 'false'}" for number in MANY)
    assert admin.client.get(f"/v2.0/agents?{query}").status == 200


@pytest.mark.parametrize("key", ["name", "id", "admin_state_up"])
def test_an_order_that_is_asked_very_often(blue: Talk, key: str) -> None:
    """A key counts where it is first; after a marker, too."""
    ids = sorted(blue.create("network", name="same")["id"] for _ in range(3))
    query = "&".join(f"sort_key={key}&sort_dir=asc" for _ in range(900)) + "&sort_key=id&sort_dir=desc&name=same"
    expected = ids if key == "id" else ids[::-1]
    assert blue.ids("network", f"?{query}") == expected
    assert blue.ids("network", f"?{query}&marker={expected[0]}&limit=5") == expected[1:]


@pytest.mark.parametrize("name", ["tags", "tags-any", "not-tags", "not-tags-any", "fixed_ips=ip_address_substr%3D"])
@pytest.mark.parametrize("length", [256, 60_000])
def test_a_very_long_value_is_refused(blue: Talk, name: str, length: int) -> None:
    name = name if "=" in name else name + "="
    said = blue.refused(400, "HTTPBadRequest", "GET", f"/v2.0/ports?{name}{'x' * length}")
    assert str(length) in said and "255" in said
    assert blue.list("port", f"?{name}{'x' * 255}") == []
