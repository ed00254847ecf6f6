"""The life of an object as openstacksdk sees it: made, read, found, changed, tagged, deleted; each step read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import openstack.exceptions
import pytest

NOTHING = "nothing-of-the-kind"


def live(
    net: Any, one: str, several: str, given: Mapping[str, Any], changed: Mapping[str, Any], *parents: Any,
    narrow: tuple[str, ...] = (), tagged: bool = False, parent_first: bool = False,
) -> None:  # fmt: skip
    """Take a `one` of the SDK's names ("trunk"; `several` "trunks") through its life.

    `given` and `changed` are the attributes of creation and of a change; `narrow` those of `changed` that find it in a
    list, and with another value do not.  `parents` are what the calls name beside it, `parent_first` before it.
    """
    get, delete = getattr(net, f"get_{one}"), getattr(net, f"delete_{one}")
    made = getattr(net, f"create_{one}")(*parents, **given)
    me = (*parents, made) if parent_first else (made, *parents)
    _has(made, given)
    _has(get(*me), given)
    if changed:
        _has(getattr(net, f"update_{one}")(*me, **changed), changed)
    now = get(*me)
    _has(now, {**given, **changed})
    listing = getattr(net, several)
    assert made.id in {each.id for each in listing(*parents)}
    for name in narrow:
        value = getattr(now, name)
        assert made.id in {each.id for each in listing(*parents, **{name: value})}, f"not found by {name}={value!r}"
        other = not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else f"{value}x"
        assert made.id not in {each.id for each in listing(*parents, **{name: other})}, f"found by {name}={other!r}"
    if tagged:
        _tags(net, now, listing, parents)
    delete(*me, ignore_missing=False)
    with pytest.raises(openstack.exceptions.NotFoundException):
        get(*me)
    with pytest.raises(openstack.exceptions.NotFoundException):
        delete(*me, ignore_missing=False)


def _has(found: Any, wanted: Mapping[str, Any]) -> None:
    shown = {name: getattr(found, name) for name in wanted}
    assert shown == dict(wanted)


def _tags(net: Any, found: Any, listing: Any, parents: tuple[Any, ...]) -> None:
    def ids(**filters: str) -> set[str]:
        return {each.id for each in listing(*parents, **filters)}

    net.set_tags(found, ["a", "b"])
    net.add_tag(found, "c")
    net.remove_tag(found, "a")
    assert sorted(net.get_tags(found)) == ["b", "c"]
    assert net.check_tag(found, "c")
    assert found.id in ids(tags="b,c") & ids(any_tags="a,b") & ids(not_tags="a") & ids(not_any_tags="a,d")
    assert found.id not in ids(tags="a,b") | ids(any_tags="a,d") | ids(not_tags="b,c") | ids(not_any_tags="a,b")
    net.remove_all_tags(found)
    assert net.get_tags(found) == []
