"""The network types, pure: their ranges, what they take from the MTU, and what they refuse."""

from __future__ import annotations

import pytest

from heddle.config import Network as NetworkSettings
from heddle.errors import BadRequest, ConfigError
from heddle.network_types import check_settings, registry


def test_every_type_is_complete() -> None:
    assert set(registry()) >= {"local", "flat", "vlan", "vxlan", "gre", "geneve"}
    check_settings(NetworkSettings())


@pytest.mark.parametrize(("name", "overhead", "last"), [
    ("vxlan", 50, 2**24 - 1), ("gre", 42, 2**32 - 1), ("geneve", 50, 2**24 - 1),
])  # fmt: skip
def test_tunnels(name: str, overhead: int, last: int) -> None:
    kind, settings = registry()[name], NetworkSettings(**{f"{name}_ranges": ("7:9", "100:100")})
    assert (kind.uplink.kind, kind.overhead) == ("tunnel", {4: overhead, 6: overhead + 20})
    assert [(each.physical_network, list(each.numbers or ())) for each in kind.candidates(settings, None)] == [
        (None, [7, 8, 9]), (None, [100])
    ]  # fmt: skip
    kind.check(settings, None, last)
    kind.check(settings, None, None)
    for number in (0, last + 1, -1):
        with pytest.raises(BadRequest, match=f"1 through {last}"):
            kind.check(settings, None, number)
    with pytest.raises(BadRequest, match="physical_network"):
        kind.check(settings, "physnet1", 7)


@pytest.mark.parametrize(("name", "value"), [
    ("vxlan_ranges", "5"), ("vxlan_ranges", "9:5"), ("gre_ranges", "0:5"), ("geneve_ranges", f"1:{2**24}"),
    ("vxlan_ranges", "a:b"), ("vlan_ranges", "physnet1:1:4095"), ("vlan_ranges", "physnet1:x"), ("tenant_types", "lan"),
])  # fmt: skip
def test_wrong_settings_stop_the_server(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        check_settings(NetworkSettings(**{name: (value,)}))


def test_tunnels_are_over_ipv4_or_ipv6() -> None:
    check_settings(NetworkSettings(overlay_ip_version=6))
    with pytest.raises(ConfigError, match="overlay_ip_version = 5"):
        check_settings(NetworkSettings(overlay_ip_version=5))
