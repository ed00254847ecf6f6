"""Linux bridge: a bridge of the kernel for each network; a host with it needs no Open vSwitch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from heddle.agent.bridge.ports import BRIDGE, PREFIXES, TUNNEL
from heddle.agent.data_planes.base import Touch
from heddle.agent.roles.base import Host, Role
from heddle.agent.roles.bridge import BridgeRole
from heddle.agent.roles.plugs import BridgePlugs
from heddle.config import Settings
from heddle.errors import ConfigError
from heddle.host.link_watch import LinkWatch
from heddle.view.types import Ref

LONGEST_NAME = 15


class LinuxBridge:
    datapath = "bridge"

    def __init__(self, settings: Settings, touch: Touch) -> None:
        self._cards = parse_cards(settings.agent.physical_interface_mappings)
        self.host = Host(settings, None, self.datapath, touch, BridgePlugs)
        self._touch = touch
        self._watch: LinkWatch | None = None

    def switch(self) -> Role:
        return BridgeRole(self._cards)

    def start(self) -> None:
        self._watch = LinkWatch(self._changed)

    def close(self) -> None:
        if self._watch is not None:
            self._watch.close()

    def _changed(self, names: Mapping[str, bool]) -> None:
        """A port of any bridge may be a stranger on one of ours."""
        watched = (*PREFIXES, BRIDGE, TUNNEL, *self._cards.values())
        told = [name for name, joined in names.items() if joined or not name or name.startswith(watched)]
        refs = {Ref("interface", name or BRIDGE) for name in told}
        if refs:
            self._touch(refs)


def parse_cards(texts: Iterable[str]) -> dict[str, str]:
    """agent.physical_interface_mappings -> network card by physical network.  Raises `ConfigError`."""
    found: dict[str, str] = {}
    for text in texts:
        physnet, colon, card = text.partition(":")
        if not colon or not physnet or not card or len(card) > LONGEST_NAME or physnet in found:
            raise ConfigError(
                f"agent.physical_interface_mappings: {text!r}: expected <physical network>:<network card>, each once"
            )
        found[physnet] = card
    return found


PLANE = LinuxBridge
