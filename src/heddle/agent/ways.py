"""The ways from this host's tunnel address to those of others, looked at when somebody asks (`view/tunnels.py`).

In two manners.  A frame in a tunnel, which the other host's switch sends back in one, shows that tunnels work; it says
nothing of what is in the way when they do not.  Echo requests outside tunnels, unfragmented and as large as the packets
of tunnels are, take the same way and meet the same routes and MTUs, of which they are told; a firewall may treat them
otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from ipaddress import ip_address

from heddle.agent.roles.switch_bridges import folder_of
from heddle.config import Agent
from heddle.host import path_probe, tunnel_echo
from heddle.host.run import CommandError
from heddle.host.tunnel_echo import Asked
from heddle.view.tunnels import Peer, Tunnels, TunnelsQuestion, Way

LONGEST = 10.0
_TUNNELS = 0.3  # the part of the time


def ways(question: TunnelsQuestion, settings: Agent) -> Tunnels:
    if not settings.tunnel_ip:
        return Tunnels(problem="agent.tunnel_ip is not set on this host")
    source = ip_address(settings.tunnel_ip)
    seconds = min(question.seconds, LONGEST)
    fit = [peer for peer in question.peers if _version(peer) == source.version]
    echoes, lack = _echoes(fit, settings.ovsdb, seconds * _TUNNELS)
    sizes: dict[str, int] = {}
    for peer in fit:
        sizes[peer.address] = max(peer.size, sizes.get(peer.address, 0))
    try:
        paths = path_probe.probe(str(source), sizes, seconds * (1 - _TUNNELS))
    except OSError as error:
        return Tunnels(source=str(source), problem=f"nothing can be sent from {source}: {error.strerror or error}")
    by_address = {path.address: path for path in paths}
    return Tunnels(source=str(source), lack=lack, ways=[_way(peer, by_address, echoes) for peer in question.peers])


def _version(peer: Peer) -> int:
    try:
        return ip_address(peer.address).version
    except ValueError:
        return 0


def _echoes(peers: Collection[Peer], ovsdb: str, seconds: float) -> tuple[dict[tuple[str, str], float], str]:
    """By address and kind of tunnel the seconds after which a frame came back, 0 when it did not; not tried: none.

    And why some were not tried.
    """
    kinds = {peer.kind for peer in peers if peer.kind}
    try:
        ports = tunnel_echo.ports(ovsdb, kinds)
        asked = {(peer.address, peer.kind): Asked(peer.address, ports[peer.kind], peer.mtu)
                 for peer in peers if peer.kind in ports}  # fmt: skip
        found = tunnel_echo.answered(folder_of(ovsdb), asked.values(), seconds / tunnel_echo.TRIES) if asked else {}
    except (OSError, CommandError) as error:
        return {}, str(error)
    missing = ", ".join(sorted(kinds - ports.keys()))
    lack = f"{tunnel_echo.BRIDGE} has no port for tunnels of {missing}" if missing else ""
    return {key: found.get(each, 0.0) for key, each in asked.items()}, lack


def _way(peer: Peer, paths: Mapping[str, path_probe.Path], echoes: Mapping[tuple[str, str], float]) -> Way:
    path = paths.get(peer.address)
    if path is None:
        return Way(host=peer.host, trouble=f"{peer.address!r} is of another IP version than this host's")
    tried = (peer.address, peer.kind) in echoes
    return Way(
        host=peer.host, kind=peer.kind if tried else "", echo=echoes.get((peer.address, peer.kind), 0.0),
        passes=path.passes, seconds=path.seconds, mtu=path.mtu, told_by=path.told_by, trouble=path.trouble,
    )  # fmt: skip
