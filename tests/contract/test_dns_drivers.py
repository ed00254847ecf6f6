"""The drivers of the DNS integration: Knot takes dynamic updates; a server that records speaks Designate's API."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from tests.engines.nameserver import Nameserver
from tests.fakes.designate import OWN_PROJECT, PASSWORD, Designate

from heddle import dns as drivers
from heddle.config import load
from heddle.dns.base import DnsError, Driver, RecordSet, Taken, Unreachable, reverse_name
from heddle.errors import ConfigError

BLUE, RED = "b" * 32, "d" * 32
WEB = RecordSet("web.example.org.", "A", "example.org.", BLUE)
WEB6 = RecordSet("web.example.org.", "AAAA", "example.org.", BLUE)
REVERSE = RecordSet(reverse_name("192.0.2.7"), "PTR", "2.0.192.in-addr.arpa.", BLUE)


@pytest.fixture(scope="module", params=["knot", "designate"])
def server(request: pytest.FixtureRequest) -> Iterator[Nameserver | Designate]:
    made: Nameserver | Designate = Nameserver() if request.param == "knot" else Designate()
    if isinstance(made, Designate):
        made.zone("example.org.", BLUE)
    yield made
    made.close()


@pytest.fixture(scope="module")
def knot() -> Iterator[Nameserver]:
    made = Nameserver()
    yield made
    made.close()


def driver_of(server: Nameserver | Designate, *more: str) -> Driver:
    made = drivers.driver(load(overrides=[*server.settings, *more], environ={}))
    assert made is not None
    return made


def test_a_name_comes_changes_and_goes(server: Nameserver | Designate) -> None:
    driver = driver_of(server)
    for records, first, second in (
        (WEB, ["192.0.2.7"], ["192.0.2.8", "192.0.2.9"]),
        (WEB6, ["2001:db8::7"], ["2001:db8::8"]),
        (REVERSE, ["web.example.org."], ["other.example.org."]),
    ):
        driver.replace(records, first, first)
        assert server.values(records.name, records.type) == set(first)
        driver.replace(records, first, first)
        driver.replace(records, [*first, *second], second)
        assert server.values(records.name, records.type) == set(second)
    last = ((WEB, ["192.0.2.8", "192.0.2.9"]), (WEB6, ["2001:db8::8"]), (REVERSE, ["other.example.org."]))
    for records, there in last:
        assert server.values(records.name, records.type) == set(there)
        driver.replace(records, there, [])
        assert server.values(records.name, records.type) == set()
        driver.replace(records, there, [])


def test_what_others_wrote_stays(server: Nameserver | Designate) -> None:
    driver = driver_of(server)
    driver.replace(WEB, [], ["198.51.100.1"])  # not told as ours below
    with pytest.raises(Taken, match=r"others have 198\.51\.100\.1 there"):
        driver.replace(WEB, ["192.0.2.7"], ["192.0.2.7"])
    driver.replace(WEB, ["192.0.2.7"], [])
    assert server.values(WEB.name, "A") == {"198.51.100.1"}
    driver.replace(WEB, ["198.51.100.1"], ["198.51.100.1", "192.0.2.7"])
    driver.replace(WEB, ["192.0.2.7"], ["192.0.2.8"])
    assert server.values(WEB.name, "A") == {"198.51.100.1", "192.0.2.8"}, "what is beside ours stays"
    driver.replace(WEB, ["198.51.100.1", "192.0.2.8"], [])


def test_names_of_addresses_go_into_their_zones(knot: Nameserver) -> None:
    updates = driver_of(knot)
    assert updates.reverse_zone(reverse_name("192.0.2.7")) == "2.0.192.in-addr.arpa."
    assert updates.reverse_zone(reverse_name("10.0.0.7")) == ""
    assert updates.reverse_zone(reverse_name("2001:db8::7")) == "8.b.d.0.1.0.0.2.ip6.arpa."


def test_an_update_that_is_refused_says_why(knot: Nameserver) -> None:
    with pytest.raises(DnsError, match=r"none of dns\.zones"):
        driver_of(knot).replace(RecordSet("www.other.test.", "A", "other.test.", BLUE), [], ["192.0.2.1"])
    with pytest.raises(DnsError, match=r"gives no signed answer for name www\.other\.test\.: let it be the primary"):
        driver_of(knot, "dns.zones=other.test.").replace(
            RecordSet("www.other.test.", "A", "other.test.", BLUE), [], ["192.0.2.1"]
        )
    with pytest.raises(Unreachable, match="refuses the key"):
        driver_of(knot, "rfc2136.key_name=other").replace(WEB, [], ["192.0.2.1"])
    with pytest.raises(Unreachable, match="refuses the key") as caught:
        driver_of(knot, "rfc2136.key_secret=AAAA").replace(WEB, [], ["192.0.2.1"])
    assert "AAAA" not in str(caught.value)
    assert knot.values(WEB.name, "A") == set()


def test_a_server_that_is_away_takes_no_longer_than_the_timeout(knot: Nameserver) -> None:
    import socket

    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(1)  # connections come, nobody answers
        port = deaf.getsockname()[1]
        for driver in (
            driver_of(knot, f"rfc2136.server=127.0.0.1:{port}", "dns.timeout=0.5"),
            driver_of(Designate(), f"designate.auth_url=http://127.0.0.1:{port}", "dns.timeout=0.5"),
        ):
            began = time.monotonic()
            with pytest.raises(Unreachable, match="does not answer"):
                driver.replace(WEB, [], ["192.0.2.1"])
            assert time.monotonic() - began < 3
    with pytest.raises(Unreachable, match="cannot be asked"):
        driver_of(knot, "rfc2136.server=127.0.0.1:1").replace(WEB, [], ["192.0.2.1"])


@pytest.fixture
def designate() -> Iterator[Designate]:
    made = Designate()
    yield made
    made.close()


def test_designate_writes_for_the_project_whose_zone_it_is(designate: Designate) -> None:
    designate.zone("example.org.", RED)
    driver = driver_of(designate)
    with pytest.raises(DnsError, match=rf"project {BLUE} has no zone example\.org\. in Designate: make it there"):
        driver.replace(WEB, [], ["192.0.2.7"])
    assert designate.values(WEB.name, "A") == set()
    driver.replace(RecordSet(WEB.name, "A", "example.org.", RED), [], ["192.0.2.7"])
    assert designate.values(WEB.name, "A") == {"192.0.2.7"}
    assert {project for _, path, project in designate.requests if "/zones" in path} == {BLUE, RED}


def test_designate_makes_the_zones_of_addresses(designate: Designate) -> None:
    driver = driver_of(designate, "designate.ipv6_ptr_zone_prefix_size=64")
    name = reverse_name("2001:db8::7")
    assert driver.reverse_zone(name) == "0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."
    driver.replace(REVERSE, [], ["web.example.org."])
    (zone,) = designate.zones.values()
    assert (zone["name"], zone["project_id"], zone["email"]) == (REVERSE.zone, OWN_PROJECT, "admin@example.org")
    assert designate.values(REVERSE.name, "PTR") == {"web.example.org."}
    assert driver_of(designate, "designate.allow_reverse_dns_lookup=false").reverse_zone(name) == ""


def test_designate_logs_in_anew_and_says_what_it_cannot(designate: Designate) -> None:
    designate.zone("example.org.", BLUE)
    driver = driver_of(designate)
    driver.replace(WEB, [], ["192.0.2.7"])
    designate.tokens.clear()
    driver.replace(WEB, ["192.0.2.7"], ["192.0.2.8"])
    assert designate.values(WEB.name, "A") == {"192.0.2.8"}
    with designate.refusing(403), pytest.raises(DnsError, match="403") as refused:
        driver.replace(WEB, [], ["192.0.2.8"])
    assert not isinstance(refused.value, Unreachable)
    with designate.refusing(503), pytest.raises(Unreachable, match="503"):
        driver.replace(WEB, [], ["192.0.2.8"])
    with pytest.raises(Unreachable, match="refuses the login of 'heddle'") as caught:
        driver_of(designate, "designate.password=wrong-word").replace(WEB, [], ["192.0.2.8"])
    assert PASSWORD not in str(caught.value) and "wrong-word" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (["dns.driver=bind"], "there is no 'bind'; there are: designate, rfc2136"),
        (["dns.driver=rfc2136"], "rfc2136.server=''"),
        (["dns.driver=rfc2136", "rfc2136.server=ns.example.org"], "write the address of the server"),
        (["dns.driver=rfc2136", "rfc2136.server=::1"], "dns.zones is empty"),
        (["dns.driver=rfc2136", "rfc2136.server=[::1]:99999", "dns.zones=a.org."], "99999 is not a port"),
        (["dns.driver=rfc2136", "rfc2136.server=::1", "dns.zones=a.org"], "'a.org' is not a zone"),
        (["dns.driver=rfc2136", "rfc2136.server=::1", "dns.zones=a.org."], "rfc2136.key_name is not set"),
        (["dns.driver=designate"], "designate.url is not set"),
        (["dns.driver=designate", "dns.ttl=0"], "dns.ttl=0"),
        (["dns.driver=designate", "dns.timeout=60"], "at most 6"),
    ],
)
def test_settings_that_are_wrong(settings: list[str], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        drivers.driver(load(overrides=settings, environ={}))
    assert says in str(caught.value)


def test_a_secret_is_in_no_error() -> None:
    settings = ["dns.driver=rfc2136", "rfc2136.server=::1", "dns.zones=a.org.", "rfc2136.key_name=k"]
    for more in ("rfc2136.key_secret=not*base64", "rfc2136.key_algorithm=hmac-x"):
        with pytest.raises(ConfigError) as caught:
            drivers.driver(load(overrides=[*settings, "rfc2136.key_secret=c2VjcmV0", more], environ={}))
        assert "not*base64" not in str(caught.value) and "c2VjcmV0" not in str(caught.value)


def test_without_a_driver_there_is_none() -> None:
    assert drivers.driver(load(overrides=[], environ={})) is None
