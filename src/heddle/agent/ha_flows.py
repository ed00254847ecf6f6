"""How a highly available router is silent where it is not active, and how hosts find the one where it is.  Pure.

Its ports are wired on every host that is ready to carry it.  What they send meets HA_IN, and what is for them HA_OUT:
tables in which one flow for each router that is active here lets frames pass.  These flows are not the agent's: the
process that agrees with other hosts (`agent/ha/`) puts them in and takes them out, so a fail-over needs neither agent
nor server.  Without one nothing comes in or goes out, after a restart of vswitchd as well; a frame for the router that
a guest of this host sent goes on to the uplinks, and so to the host that has it.  A router is known in these tables by
its number in `metadata`.

Where a network lives in tunnels the others learn from the router's own frames, announcements first, which host it
comes from (TUN_IN), and send there, whatever the server said last.  Only a router that is active may send under these
MACs into a tunnel, so no guest can draw its frames; reg13 is 1 in what such a router sent.
"""

from __future__ import annotations

from collections.abc import Iterable

from heddle.agent.addresses import Builder, checked_mac
from heddle.agent.ha_tables import HA_IN, HA_OUT
from heddle.agent.pipeline import ACCEPT, DISPATCH, MULTICAST, SEND, UPLINK
from heddle.host.ha_gate import HA_COOKIE, number_of

__all__ = ["gate_flows", "learn_flows", "number_of", "own_only"]
IDLE = 300


def gate_flows(b: Builder) -> None:
    """What is there for all of them: what finds no active router."""
    b.add(HA_OUT, 5, MULTICAST, "drop")
    b.add(HA_OUT, 0, "", f"resubmit(,{SEND})")


def own_only(b: Builder, tag: int, macs: Iterable[str]) -> None:
    """Nobody but an active router sends under these MACs by the uplinks of a network."""
    for mac in macs:
        b.add(UPLINK, 30, f"reg6={tag},reg13=0,dl_src={checked_mac(mac)}", "drop")


def learn_flows(b: Builder, table_in: int, table_out: int, arrives: str, arrive: str, tag: int, macs: Iterable[str],
                ipv6: bool) -> None:  # fmt: skip
    """From which host frames of these MACs come is where frames for them go.

    `arrives` matches what comes from the tunnels for the network with this tag, `arrive` are the actions for it.
    """
    of, to = ("NXM_NX_TUN_IPV6_SRC", "NXM_NX_TUN_IPV6_DST") if ipv6 else ("NXM_NX_TUN_IPV4_SRC", "NXM_NX_TUN_IPV4_DST")
    for mac in macs:
        learn = (
            f"learn(table={table_out},priority=30,idle_timeout={IDLE},cookie=0x{HA_COOKIE:016x},"
            f"vlan_vid={4096 + tag},NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:0->NXM_OF_VLAN_TCI[],"
            f"load:NXM_NX_TUN_ID[]->NXM_NX_TUN_ID[],load:{of}[]->{to}[],output:OXM_OF_IN_PORT[])"
        )
        b.add(table_in, 20, f"{arrives},dl_src={checked_mac(mac)}", f"{learn},{arrive}")


def active_flows(number: int) -> list[tuple[int, str, str]]:
    """(table, match, actions) of a router that is active here."""
    match = f"metadata=0x{number:x}"
    return [
        (HA_IN, match, f"set_field:1->reg13,resubmit(,{DISPATCH})"),
        (HA_OUT, match, f"resubmit(,{ACCEPT})"),
    ]
