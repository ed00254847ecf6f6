"""The flows of a network on which not all meet (`kinds.py`).  Pure.

reg9 is the kind of the sender, reg10 that of the receiver, by their numbers:

    SENDER      what came by an uplink: the kind of the port that has the source MAC
    MEET        what is for a port that does not meet all; the pairs that meet go on, all else ends here
    MET         by port, as DELIVER does for one that meets all
"""

from __future__ import annotations

from collections.abc import Mapping

from heddle.agent.addresses import Builder
from heddle.agent.kinds import OF_OURS, OPEN, Kind, told
from heddle.agent.pipeline import DISPATCH, MEET, MET, SENDER
from heddle.host.openflow import FlowSet


def kind_flows(
    network_id: str, tag: int, pairs: set[tuple[Kind, Kind]], elsewhere: Mapping[str, Kind | None], outside: bool,
    ours: str = "",
) -> FlowSet:
    """`pairs`: who may send to whom; `outside`: what comes by the uplink may be of nobody whom the view knows, but for
    what begins as `ours`, the cloud's own MACs."""
    b = Builder(network_id)
    for sender, receiver in pairs:
        b.add(MEET, 10, f"reg6={tag},reg9={sender.number},reg10={receiver.number}", f"resubmit(,{MET})")
    for mac, kind in told(pairs, elsewhere, outside, ours).items():
        b.add(SENDER, 10, f"reg6={tag},dl_src={mac}", _from(kind))
    if outside and ours:
        b.add(SENDER, 5, f"reg6={tag},dl_src={ours}:00:00:00/{OF_OURS}", _from(None))
    b.add(SENDER, 0, f"reg6={tag}", _from(OPEN if outside else None))
    return b.flows


def _from(kind: Kind | None) -> str:
    return (f"set_field:{kind.number}->reg9," if kind else "") + f"resubmit(,{DISPATCH})"
