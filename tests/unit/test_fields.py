"""The types of fields: what they accept is kept as it was, in one form; what they refuse is refused with a reason."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heddle.api.network.collections import EVERY
from heddle.model import values
from heddle.model.fields import (
    Bool,
    Cidr,
    DnsName,
    FieldType,
    Int,
    Invalid,
    Ip,
    Json,
    Mac,
    Name,
    OneOf,
    Text,
    Uuid,
)
from heddle.model.resource import fields_of
from heddle.model.security_group import Protocol, RemoteCidr
from heddle.model.tags import read_tags

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["10.0.0.0/8", "::1", "a.b."]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
TYPES: list[FieldType] = [
    Text(), Text(5, empty=False), Name(), Uuid(), Bool(), Int(), Int(-5, 5, nullable=True), OneOf(4, 6),
    OneOf("a", "B"), OneOf("a", "B", fold=True), Mac(), Mac(unicast=True), Ip(), Cidr(), Cidr(strict=False), DnsName(),
    DnsName("domain"), DnsName("relative"), Protocol(), RemoteCidr(),
]  # fmt: skip
ALL = TYPES + [field.type for c in EVERY for field in fields_of(c.model).values() if field.create or field.update]


@given(st.sampled_from(ALL), JSON)
def test_any_value_is_kept_or_refused(kind: FieldType, value: Any) -> None:
    try:
        kept = kind.parse(value)
    except Invalid as reason:
        assert str(reason) and len(str(reason)) < 2000
        str(reason).encode()
        return
    if not isinstance(kind, Json):
        # What null becomes may be what no request can say, as of an address that is to be chosen.
        assert value is None or kind.parse(kept) == kept
        json.dumps(kept).encode()
        if isinstance(kept, str) and kind.length:
            assert len(kept) <= kind.length


@given(st.sampled_from(ALL), st.text(max_size=300))
def test_any_filter_is_read_or_refused(kind: FieldType, text: str) -> None:
    if kind.column == "json":
        return
    try:
        kind.from_query(text)
    except Invalid as reason:
        assert str(reason)


@given(st.ip_addresses())
def test_addresses(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert Ip().parse(address.exploded) == str(address)
    assert Cidr(strict=False).parse(str(address)) == f"{address}/{address.max_prefixlen}"


@given(st.ip_addresses(), st.integers(0, 128))
def test_networks(address: ipaddress.IPv4Address | ipaddress.IPv6Address, length: int) -> None:
    length = min(length, address.max_prefixlen)
    network = ipaddress.ip_network(f"{address}/{length}", strict=False)
    assert Cidr().parse(str(network)) == str(network)
    assert Cidr(strict=False).parse(f"{address}/{length}") == str(network)
    if network.network_address != address:
        with pytest.raises(Invalid, match=r"recommended"):
            Cidr().parse(f"{address}/{length}")


@given(st.integers(1, 2**48 - 2), st.sampled_from([":", "-", ""]), st.booleans())
def test_mac_addresses(number: int, separator: str, upper: bool) -> None:
    digits = f"{number:012x}"
    text = separator.join(digits[i : i + 2] for i in range(0, 12, 2))
    kept = Mac().parse(text.upper() if upper else text)
    assert kept.replace(":", "") == digits
    if (number >> 40) & 1:
        with pytest.raises(Invalid):
            Mac(unicast=True).parse(text)


@given(st.integers())
def test_numbers(number: int) -> None:
    kind = Int(-100, 100)
    for value in (number, str(number)):
        if -100 <= number <= 100:
            assert kind.parse(value) == number
        else:
            with pytest.raises(Invalid):
                kind.parse(value)


@given(st.lists(st.text(max_size=260), max_size=60))
def test_tags(tags: list[str]) -> None:
    try:
        kept = read_tags(tags)
    except Invalid:
        return
    assert kept == sorted(set(tags)) and len(kept) <= 50
    assert all(0 < len(tag) <= 255 and "," not in tag for tag in kept)


READERS = [
    values.read_fixed_ips, values.read_pools, values.read_nameservers, values.read_uuids, values.read_service_types,
    values.read_gateway, values.read_object, values.read_route, values.read_pair, values.read_dhcp_option, read_tags,
]  # fmt: skip
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        name: st.sampled_from(["10.0.0.1", "10.0.0.0/24", "::1", "x", "", None, 4, "fa:16:3e:00:00:01"]) | JSON
        for name in ("ip_address", "subnet_id", "start", "end", "destination", "nexthop", "mac_address", "opt_name",
                     "opt_value", "ip_version", "network_id", "enable_snat", "external_fixed_ips")
    },
)  # fmt: skip


@given(st.sampled_from(READERS), RECORDS | st.lists(RECORDS, max_size=3) | JSON)
def test_structured_values_are_read_or_refused(reader: Any, value: Any) -> None:
    try:
        reader(value)
    except Invalid as reason:
        str(reason).encode()


def test_what_a_pool_is() -> None:
    pool = {"start": "10.0.0.9", "end": "10.0.0.10"}
    assert values.read_pools([pool]) == [values.AllocationPool("10.0.0.9", "10.0.0.10")]
    with pytest.raises(Invalid, match="end"):
        values.read_pools([{"start": "10.0.0.9"}])


@pytest.mark.parametrize("name", ["a", "a.b", "x1-y.z", "xn--bcher-kva.example", "1host", "", "host.example."])
def test_names_that_are_right(name: str) -> None:
    assert DnsName().parse(name.upper()) == name


@pytest.mark.parametrize("name", ["-a", "a-", "a..b", "a_b", "a b", "ä", "a" * 64, "x.123", ".", "a." * 150, "*.x"])
def test_names_that_are_wrong(name: str) -> None:
    with pytest.raises(Invalid):
        DnsName().parse(name)
