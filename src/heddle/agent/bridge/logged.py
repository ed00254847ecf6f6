"""The rules that tell the agent of packets which logs ask for, on Linux bridges.  Pure.

Only ports that a log concerns have rules that lead here.  The mark of a packet says of which port it is, the prefix
what became of it; a copy of its head goes to the agent (nflog), within the limit of all logs of the host, and what is
beyond is counted.  The packet goes on as it would, also when nobody listens.

Rules judge every packet of a connection; only the first finds its connection not yet confirmed, and is told.  Groups
without state know no connections: each packet is told.
"""

from __future__ import annotations

from heddle.host.nflog import GROUP
from heddle.host.nft import Chain, Limit

SUPPRESSED = "not_logged"
LIMIT = Limit("logged", 100, 25)
HEAD = 128
EVENTS = {"ACCEPT": "accept", "DROP": "drop"}
MEANING = {f"{direction} {event}": (direction, event) for direction in ("egress", "ingress") for event in EVENTS}
_SEEN = "ct status & confirmed == confirmed accept"


def verdicts(direction: str, logged: frozenset[str], stateless: bool) -> tuple[str, str]:
    """What a profile's rules say of packets that they let through, and of those that none does."""
    accept = f"goto {_name(direction, 'ACCEPT', stateless)}" if "ACCEPT" in logged else "accept"
    return accept, f"goto {_name(direction, 'DROP', False)}" if "DROP" in logged else "drop"


def telling_chains() -> tuple[Chain, ...]:
    found = []
    for prefix, (direction, event) in MEANING.items():
        verdict = EVENTS[event]
        told = f'limit name "{LIMIT.name}" log prefix "{prefix}" group {GROUP} snaplen {HEAD} {verdict}'
        lines = (told, f'counter name "{SUPPRESSED}" {verdict}')
        if event == "ACCEPT":
            found.append(Chain(_name(direction, event, True), "", lines))
        seen = (_SEEN,) if event == "ACCEPT" else ()
        found.append(Chain(_name(direction, event, False), "", (*seen, *lines)))
    return tuple(found)


def _name(direction: str, event: str, each: bool) -> str:
    return f"tell_{direction}_{EVENTS[event]}{'_each' if each else ''}"
