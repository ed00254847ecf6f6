"""What an agent is asked about its ways to other hosts, and what it saw of them."""

from __future__ import annotations

from heddle.view.types import Message


class Peer(Message, frozen=True):
    """A host, the address at which its tunnels end, and the largest packet that has to reach it, in bytes of IP.

    `kind`: of the tunnel in which its switch answers frames ("vxlan", "gre", "geneve"), "" where it does not; `mtu`: of
    the packets in that.
    """

    host: str
    address: str
    size: int
    kind: str = ""
    mtu: int = 0


class TunnelsQuestion(Message, frozen=True, tag_field="question", tag="tunnels"):
    """Whether packets reach these hosts from where this one's tunnels end; `seconds`: as long may be looked."""

    peers: list[Peer]
    seconds: float = 3.0


class Way(Message, frozen=True, kw_only=True):
    """The way to a host, there and back.

    `kind`: of the tunnel that was tried with a frame of the whole MTU, "" for none, and `echo` the seconds after which
    it came back, 0 when it did not.  Of echo requests outside tunnels, `passes` is the largest that was seen to come
    back, 0 for none; `seconds`: how long that took.  `mtu` is the smallest that somebody told on the way and `told_by`
    its address, "" for the host itself.  `trouble`: what else stood in the way, "" for nothing.
    """

    host: str
    kind: str = ""
    echo: float = 0.0
    passes: int = 0
    seconds: float = 0.0
    mtu: int = 0
    told_by: str = ""
    trouble: str = ""


class Tunnels(Message, frozen=True, tag_field="answer", tag="tunnels", kw_only=True):
    """`ways` in the order of the peers; `problem`: why this host could not look at all, "" where it could.

    `source`: where its tunnels end; `lack`: why there are ways that were to be tried in tunnels and were not.
    """

    source: str = ""
    problem: str = ""
    lack: str = ""
    ways: list[Way] = []
