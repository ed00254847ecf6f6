"""The agent's copy of its scopes."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.cloud import FakeCloud
from tests.fakes.objects import default_group, network, port, port_id

from heddle.agent.mirror import Mirror, ref_of
from heddle.agent.reconcile import Backoff, compare
from heddle.view.types import FetchReply, FetchRequest, GroupView, NetworkView, Object, Ref, ScopeNews


def raw(item: Object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(item))


def news(scope: str, *items: Object, whole: bool = False, gone: list[Ref] | None = None) -> ScopeNews:
    return ScopeNews(scope=scope, whole=whole, objects=[raw(item) for item in items], gone=gone or [])


def test_an_object_is_there_as_long_as_one_scope_has_it() -> None:
    mirror = Mirror()
    group = GroupView(id="g", revision=1)
    first = FetchReply(revision=1, scopes=[news("group:g", group, whole=True), news("other", group, whole=True)])
    assert mirror.apply(first) == {Ref("group", "g")}
    assert mirror.apply(FetchReply(revision=2, dropped=["other"])) == set()
    assert mirror.groups == {"g": group}
    gone = [news("group:g", gone=[Ref("group", "g")])]
    assert mirror.apply(FetchReply(revision=3, scopes=gone)) == {Ref("group", "g")}
    assert mirror.groups == {} and mirror.apply(FetchReply(revision=4, scopes=gone)) == set()


def test_a_whole_scope_forgets_what_it_had() -> None:
    mirror = Mirror()
    mirror.apply(FetchReply(revision=1, scopes=[news("s", network("a"), network("b"), whole=True)]))
    changed = mirror.apply(FetchReply(revision=2, scopes=[news("s", network("b"), network("c"), whole=True)]))
    assert changed == {Ref("network", "a"), Ref("network", "c")}
    assert sorted(mirror.networks) == ["b", "c"]


def test_indexes_follow_a_port_from_network_to_network() -> None:
    mirror = Mirror()
    mirror.apply(FetchReply(revision=1, scopes=[news("s", port(1, net="a", device_id="d"), whole=True)]))
    assert [each.id for each in mirror.ports_by_device.of("d")] == [port_id(1)]
    moved = port(1, net="b", revision=2)
    mirror.apply(FetchReply(revision=2, scopes=[news("s", moved)]))
    assert list(mirror.ports_by_network) == ["b"] and list(mirror.ports_by_device) == [""]
    mirror.apply(FetchReply(revision=3, scopes=[news("s", gone=[ref_of(moved)])]))
    assert not mirror.ports_by_network and not mirror.ports_by_device


def test_an_object_that_cannot_be_read_is_told_once_and_hinders_no_other() -> None:
    mirror = Mirror()
    bad = msgspec.Raw(msgspec.msgpack.encode({"kind": "network", "id": "n", "mtu": "wide", "segments": []}))
    scope = ScopeNews(scope="s", whole=True, objects=[bad, raw(network("ok")), msgspec.Raw(b"\xc1")])
    assert mirror.apply(FetchReply(revision=1, scopes=[scope])) == {Ref("network", "n"), Ref("network", "ok")}
    assert "wide" in mirror.broken[Ref("network", "n")] or "int" in mirror.broken[Ref("network", "n")]
    assert mirror.apply(FetchReply(revision=2, scopes=[scope])) == set()
    mirror.apply(FetchReply(revision=3, scopes=[news("s", network("n"))]))
    assert not mirror.broken and "n" in mirror.networks


def test_an_older_object_does_not_replace_a_newer_one() -> None:
    mirror = Mirror()
    new, old = NetworkView(id="n", mtu=2, segments=[], revision=5), NetworkView(id="n", mtu=1, segments=[], revision=4)
    mirror.apply(FetchReply(revision=5, scopes=[news("s", new, whole=True)]))
    assert mirror.apply(FetchReply(revision=6, scopes=[news("t", old)])) == set()
    assert mirror.networks["n"].mtu == 2


STEPS = st.lists(st.tuples(st.sampled_from(["put", "drop"]), st.integers(1, 5)), max_size=25)


@given(STEPS, st.sets(st.integers(0, 24)))
def test_news_in_any_portions_lead_to_the_same_mirror(steps: list[tuple[str, int]], fetches: set[int]) -> None:
    cloud, mirror = FakeCloud("h"), Mirror()

    def fetch(into: Mirror) -> None:
        request = FetchRequest(host="h", revision=into.revision, scopes=sorted(into.scopes))
        into.apply(cloud.fetch(request))

    cloud.put(network(), default_group())
    for place, (verb, number) in enumerate(steps):
        if verb == "put":
            cloud.port(port(number))
        else:
            cloud.remove_port(port_id(number))
        if place in fetches:
            fetch(mirror)
    fetch(mirror)
    fresh = Mirror()
    fetch(fresh)
    for name in ("ports", "networks", "neighbours", "groups", "members"):
        assert getattr(mirror, name) == getattr(fresh, name), name
    assert mirror.ports_by_network == fresh.ports_by_network
    assert mirror.scopes == fresh.scopes


@given(st.dictionaries(st.integers(0, 9), st.integers(0, 3)), st.dictionaries(st.integers(0, 9), st.integers(0, 3)))
def test_a_plan_makes_what_is_desired(desired: dict[int, int], observed: dict[int, int]) -> None:
    plan = compare(desired, observed)
    result = {key: value for key, value in observed.items() if key not in plan.delete} | plan.create | plan.update
    assert result == desired
    assert bool(plan) == (desired != observed)
    assert not plan.create.keys() & observed.keys()


def test_backoff_grows_and_is_forgotten() -> None:
    backoff: Backoff[str] = Backoff(first=1, longest=5)
    assert [backoff.failed("a", 0) for _ in range(4)] == [1, 2, 4, 5]
    assert backoff.due(4.9) == set() and backoff.due(5) == {"a"} and backoff.next() == pytest.approx(5)
    backoff.succeeded(["a", "b"])
    assert backoff.next() is None and len(backoff) == 0
    assert backoff.failed("a", 0) == 1


def test_an_object_of_a_kind_that_is_not_known_is_skipped() -> None:
    """It is no fault, and the scope is not compared with the server's, which would only send it again."""
    mirror = Mirror()
    strange = msgspec.Raw(msgspec.msgpack.encode({"kind": "hologram", "id": "h", "revision": 3, "depth": 2}))
    scope = ScopeNews(scope="s", whole=True, objects=[raw(network("a")), strange])
    assert mirror.apply(FetchReply(revision=1, scopes=[scope, news("t", network("b"), whole=True)])) == {
        Ref("network", "a"), Ref("network", "b")
    }  # fmt: skip
    assert mirror.broken == {} and set(mirror.digests()) == {"t"}
    assert mirror.apply(FetchReply(revision=2, scopes=[news("s", gone=[Ref("hologram", "h")])])) == set()
    flawed = msgspec.Raw(msgspec.msgpack.encode({"kind": "network", "id": "c", "mtu": "much"}))
    mirror.apply(FetchReply(revision=3, scopes=[ScopeNews(scope="t", objects=[flawed])]))
    assert set(mirror.broken) == {Ref("network", "c")}
