"""Bridges, interfaces and ports of Open vSwitch as `heddle.host.ovs` shows and takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from heddle.errors import HeddleError
from heddle.host.ovsdb import Row, as_set

MARK = "heddle"


class OvsConflict(HeddleError):
    """A bridge or port of our name is there and is not ours."""


@dataclass(frozen=True)
class Bridge:
    """`kind` is our mark ("" when it is not ours)."""

    name: str
    kind: str
    datapath_type: str
    fail_mode: str
    external_ids: Mapping[str, str]


@dataclass(frozen=True)
class Interface:
    """An interface that is on a bridge.  `ofport` is 0 until vswitchd has given it one, and when it failed.

    `port_id` is external_ids:iface-id; `tag` 0 without one; `port_external_ids` are those of the Port row.
    """

    name: str
    bridge: str
    type: str = ""
    port_id: str = ""
    ofport: int = 0
    error: str = ""
    tag: int = 0
    options: Mapping[str, str] = field(default_factory=dict)
    external_ids: Mapping[str, str] = field(default_factory=dict)
    port_external_ids: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_device(self) -> bool:
        """Whether it is a device of the system, as a network card, and none that Open vSwitch made."""
        return self.type in ("", "system")


@dataclass(frozen=True)
class PortSpec:
    """A port with one interface of the same name, as it shall be.

    `type` is "" for a device of the system (veth, tap), "internal", "patch" or a kind of tunnels; `external_ids`
    go to the Interface (iface-id, attached-mac), `port_external_ids` to the Port.
    """

    bridge: str
    name: str
    type: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    external_ids: Mapping[str, str] = field(default_factory=dict)
    port_external_ids: Mapping[str, str] = field(default_factory=dict)
    tag: int = 0


def patch_pair(one: tuple[str, str], other: tuple[str, str]) -> list[PortSpec]:
    """Two patch ports that join bridges; each side is (bridge, port)."""
    ids = {MARK: "patch"}
    return [
        PortSpec(bridge, name, "patch", {"peer": peer}, port_external_ids=ids)
        for (bridge, name), (_, peer) in ((one, other), (other, one))
    ]


def interface_of(row: Row, port: Row, bridge: Row) -> Interface:
    """The three rows as one view."""
    ofport = next(iter(as_set(row["ofport"])), 0)
    return Interface(
        name=row["name"], bridge=bridge["name"], type=row["type"],
        port_id=row["external_ids"].get("iface-id", ""), ofport=max(ofport, 0),
        error="".join(as_set(row["error"])), tag=next(iter(as_set(port["tag"])), 0), options=row["options"],
        external_ids=row["external_ids"], port_external_ids=port["external_ids"],
    )
