"""Which datapath Open vSwitch shall use: the kernel's ("system") where there is one, else userspace ("netdev").

The kernel has it when generic netlink knows its family, whether it is a module or built in; the kernel loads the
module when it is asked for the family.
"""

from __future__ import annotations

import errno
import struct

from heddle.errors import ConfigError
from heddle.host.netlink import Netlink, NetlinkError, Request, text
from heddle.host.ovs import Ovs
from heddle.host.run import succeeds

FAMILY = "ovs_datapath"
_GENERIC, _CONTROLLER, _GET_FAMILY, _FAMILY_NAME = 16, 16, 3, 2
TYPES = ("auto", "system", "netdev")


def detect(wanted: str, ovs: Ovs) -> str:
    """The `datapath_type` for our bridges.  `wanted` is agent.datapath.  Raises `ConfigError`."""
    if wanted not in TYPES:
        raise ConfigError(f"agent.datapath = {wanted!r}: expected one of {', '.join(TYPES)}")
    if wanted == "netdev":
        return "netdev"
    if "system" in ovs.datapath_types() and in_kernel():
        return "system"
    if wanted == "system":
        raise ConfigError(
            "agent.datapath = 'system': this kernel has no openvswitch module, or vswitchd runs without it; "
            "set agent.datapath to 'auto' or 'netdev'"
        )
    return "netdev"


def in_kernel() -> bool:
    """Whether the kernel has Open vSwitch's datapath; its module is loaded where that is possible."""
    return _known() or (succeeds(["modprobe", "openvswitch"]) and _known())


def _known() -> bool:
    body = struct.pack("=BBH", _GET_FAMILY, 1, 0) + text(_FAMILY_NAME, FAMILY)
    generic = Netlink(_GENERIC)
    try:
        return bool(generic.ask(Request(_CONTROLLER, body, 0, "question for a netlink family")))
    except NetlinkError as error:
        if error.errno == errno.ENOENT:
            return False
        raise
    finally:
        generic.close()
