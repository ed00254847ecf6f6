"""The simulated outside: a namespace behind br-ex, where the provider's gateway and the Internet would be.

It has the external network's gateway address, and one address further away that stands for the Internet.  The
namespace bears Heddle's mark, and so does its port in the bridge, so that `heddle down` removes both.
"""

from __future__ import annotations

from pathlib import Path

from heddle.cli.demo.progress import DemoFailed
from heddle.host import netns
from heddle.host.ovs import Ovs, PortSpec
from heddle.host.run import run

NAME = "heddle-outside"
PORT, INSIDE = "hdl-outside", "eth0"
GATEWAY = "203.0.113.1"
INTERNET = "198.51.100.7"


def ensure(bridge: str, ovsdb: str) -> None:
    """Make the outside where it is missing.  Raises `DemoFailed` when the bridge is not there."""
    if netns.identity(NAME) and not Path(f"/sys/class/net/{PORT}").exists():
        netns.remove(NAME)
    if not netns.identity(NAME):
        netns.remove(NAME)
        netns.create(NAME)
        run(["ip", "link", "add", PORT, "type", "veth", "peer", "name", INSIDE, "netns", NAME])
        run(["ip", "-n", NAME, "-batch", "-"], stdin=_BATCH)
        run(["ip", "netns", "exec", NAME, "ethtool", "-K", INSIDE, "tx", "off"])
    _guard()
    _attach(bridge, ovsdb)


_BATCH = f"""\
link set {INSIDE} up
addr replace {GATEWAY}/24 dev {INSIDE}
addr replace {INTERNET}/32 dev lo
"""


def _guard() -> None:
    """The host's own stack has no part in the outside (the agent keeps it from what is on its bridges)."""
    Path(f"/proc/sys/net/ipv6/conf/{PORT}/disable_ipv6").write_text("1\n", encoding="ascii")
    run(["ip", "link", "set", PORT, "up"])


def _attach(bridge: str, ovsdb: str) -> None:
    ovs = Ovs(ovsdb)
    ovs.start()
    try:
        if ovs.bridge(bridge) is None:
            raise DemoFailed(
                f"there is no bridge {bridge}, which agent.bridge_mappings names for the physical network public: "
                "look at the agent's log (heddle status names it)"
            )
        ovs.add_ports([PortSpec(bridge, PORT, port_external_ids={"heddle": "demo"})])
    finally:
        ovs.close()
