"""Which datapath Open vSwitch shall use: the kernel's ("system") where there is one, else userspace ("netdev")."""

from __future__ import annotations

from pathlib import Path

from heddle.errors import ConfigError
from heddle.host.ovs import Ovs
from heddle.host.run import succeeds

MODULE = Path("/sys/module/openvswitch")
TYPES = ("auto", "system", "netdev")


def detect(wanted: str, ovs: Ovs) -> str:
    """The `datapath_type` for our bridges.  `wanted` is agent.datapath.  Raises `ConfigError`."""
    if wanted not in TYPES:
        raise ConfigError(f"agent.datapath = {wanted!r}: expected one of {', '.join(TYPES)}")
    if wanted == "netdev":
        return "netdev"
    if "system" in ovs.datapath_types() and (MODULE.exists() or _load()):
        return "system"
    if wanted == "system":
        raise ConfigError(
            "agent.datapath = 'system': this kernel has no openvswitch module, or vswitchd runs without it; "
            "set agent.datapath to 'auto' or 'netdev'"
        )
    return "netdev"


def _load() -> bool:
    return succeeds(["modprobe", "openvswitch"]) and MODULE.exists()
