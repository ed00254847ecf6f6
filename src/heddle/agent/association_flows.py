"""The ports of SCTP where the connection table does not know them.  Pure.

Open vSwitch's userspace datapath tracks SCTP by addresses alone: what one association was permitted would let all
others between the two addresses pass.  So there the switch learns associations itself, by their ports.  When the
rules of a port have agreed to a frame, two flows come into the table of associations, one for frames like it and one
for those that answer, for that port and until none has come for a while.  Before the connection's state is judged each
frame looks itself up there, and reg14 says what was found:

    0   not looked up: all that is not SCTP
    1   nobody has agreed to it: it meets the rules, whatever the connection table says
    2   the rules of this port have agreed to its association
    3   it answers one that was cut (`cutting.py`): dropped, and told to logs like what no rule takes
    4   a later fragment, which has no ports and passes by the connection table

The rules of both ends are asked each at its own port, as everywhere, so a host has two flows for each of its ports that
an association has.  What a guest began stays known at its port though the other refused it, as where the two are on two
hosts: the very same ports may answer.

**How many.**  Each network has learning flows of its own, whose cookie names it (`learning_flows`), for the switch
counts what has the same cookie: who fills the share of one network leaves the others theirs.  A network may have as
many that its ports began as it may have connections, and as many that its ports were begun with; what is over that
begins no association, for its answers are not known.  The switch counts all of a network's anew for each that it is to
learn, so no share is more than `MOST`.

The connection table is kept all the same, for later fragments and for the errors of ICMP that belong to an association.
"""

from __future__ import annotations

from heddle.agent.addresses import Builder
from heddle.agent.pipeline import (
    ACCEPT,
    DISPATCH,
    EGRESS_RULES,
    EGRESS_STATE,
    INGRESS_RULES,
    INGRESS_STATE,
)
from heddle.host.associations import ENDED, IDLE, INITIATOR, KNOWN, PRIORITY, RESPONDER, TABLE, cookie_of
from heddle.host.openflow import FlowSet

MOST = 8192
UNKNOWN, LATER = 1, 4
_ADDRESSES = {"sctp": ("0x800", "NXM_OF_IP"), "sctp6": ("0x86dd", "NXM_NX_IPV6")}


def association_flows(b: Builder) -> None:
    """What the datapath of a host that tracks SCTP without ports needs beside `base_flows.py`."""
    for version in _ADDRESSES:
        _judge(b, version, EGRESS_STATE, EGRESS_RULES, DISPATCH, ("reg3", 1, 2))
        _judge(b, version, INGRESS_STATE, INGRESS_RULES, ACCEPT, ("reg2", 2, 1))


def learning_flows(network_id: str, tag: int, limit: int) -> FlowSet:
    """What learns the associations of a network, so many of either side; 0: any number."""
    b = Builder(network_id)
    for version in _ADDRESSES:
        for table, side in ((DISPATCH, INITIATOR), (ACCEPT, RESPONDER)):
            cookies = [(cookie_of(tag, side, answers), answers) for answers in (False, True)]
            learned = ",".join(_learn(version, cookie, limit, answers) for cookie, answers in cookies)
            then = f"set_field:0->reg14,resubmit(,{table})"
            b.add(table, 210, f"{version},reg6={tag},reg14={UNKNOWN}", f"{learned},{then}")
    return b.flows


def _judge(b: Builder, version: str, table: int, rules: int, accepted: int, agrees: tuple[str, int, int]) -> None:
    """`agrees`: the register of this side, and its bit as the initiator or responder of what the table tracks."""
    register, forward, back = agrees
    looked_up = f"set_field:{UNKNOWN}->reg14,resubmit(,{TABLE}),resubmit(,{table})"
    fragment = f"ct_state=-inv+trk,{version},nw_frag=later,reg14=0"
    b.add(table, 31, fragment, f"set_field:{LATER}->reg14,resubmit(,{table})")
    b.add(table, 30, f"ct_state=-inv+trk,{version},reg14=0", looked_up)
    b.add(table, 30, f"ct_state=-inv+trk,{version},reg14={ENDED}", f"set_field:0->reg7,resubmit(,{rules})")
    for direction, bit in (("-rpl", forward), ("+rpl", back)):
        match, agreed = f"ct_state={direction}-inv+trk,{version}", f"set_field:{bit}->{register}"
        b.add(table, 30, f"{match},reg14={KNOWN}", f"{agreed},set_field:0->reg14,resubmit(,{accepted})")
        noted = "move:NXM_NX_REG5[]->NXM_NX_REG12[]"  # the first frame of a connection (`logged_flows.py`)
        b.add(table, 30, f"{match},reg14={UNKNOWN}", f"{agreed},{noted},resubmit(,{rules})")


def _learn(version: str, cookie: int, limit: int, answers: bool) -> str:
    ethertype, address = _ADDRESSES[version]
    ends = ("SRC", "DST")
    fields = [f"{kind}_{end}[]" for kind in (address, "OXM_OF_SCTP") for end in ends]
    others = [f"{kind}_{end}[]" for kind in (address, "OXM_OF_SCTP") for end in reversed(ends)]
    matches = [f"{field}={other}" for field, other in zip(fields, others, strict=True)] if answers else fields
    return (
        f"learn(table={TABLE},priority={PRIORITY},idle_timeout={IDLE},limit={limit},"
        f"cookie=0x{cookie:016x},eth_type={ethertype},nw_proto=132,NXM_NX_REG5[],NXM_NX_REG6[],"
        f"{','.join(matches)},load:{KNOWN}->NXM_NX_REG14[])"
    )
