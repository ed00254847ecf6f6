"""A guest, a server, and between them two routers alike, of which one is connected; each carries for the other.

    guest 10.0.0.2, fd00:1::2 -- lan -- a | b -- wan -- server 203.0.113.9, fd00:2::9
    floating IP 203.0.113.50 leads to the guest, port 8080 of 203.0.113.51 to its port 80; SNAT to 203.0.113.1

Nothing passes from outside that no connection let in.
"""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator

from heddle.agent.ha.connections.carrier import Carrier, Routed
from heddle.host import netns
from heddle.host.netlink import within

RULES = """
table inet heddle {
  chain prerouting { type nat hook prerouting priority dstnat;
    ip daddr 203.0.113.50 dnat ip to 10.0.0.2
    ip daddr 203.0.113.51 tcp dport 8080 dnat ip to 10.0.0.2:80; }
  chain forward { type filter hook forward priority filter;
    iifname wan ct state new ct status ! dnat drop
    ct state invalid drop; }
  chain postrouting { type nat hook postrouting priority srcnat;
    oifname wan meta l4proto tcp snat ip to 203.0.113.1:40000-50000
    oifname wan meta l4proto udp snat ip to 203.0.113.1:40000-50000; }
}
"""
ENDS = {
    "guest": ("lan", "02:00:00:00:01:02", ("10.0.0.2/24", "fd00:1::2/64"), ("10.0.0.1", "fd00:1::1")),
    "server": ("wan", "02:00:00:00:02:09", ("203.0.113.9/24", "fd00:2::9/64"), ("203.0.113.1", "fd00:2::1")),
}
ROUTER = {
    "lan": ("02:00:00:00:01:01", ("10.0.0.1/24", "fd00:1::1/64")),
    "wan": ("02:00:00:00:02:01", ("203.0.113.1/24", "203.0.113.50/32", "203.0.113.51/32", "fd00:2::1/64")),
}
KEY, PORT = b"k" * 32, 7171
HOSTS = {"a": "127.0.0.1", "b": "127.0.0.2"}
SETTINGS = {"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1", "ipv6/conf/default/accept_dad": "0"}


def sh(*lines: str) -> str:
    done = subprocess.run(["sh", "-ec", "\n".join(lines)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def build() -> None:
    for name in (*ENDS, *HOSTS):
        netns.create(name, SETTINGS if name in HOSTS else {"ipv6/conf/default/accept_dad": "0"})
    sh("ip link set lo up", *(f"ip link add br-{side} type bridge && ip link set br-{side} up" for side in ROUTER))
    for name, (side, mac, addresses, hops) in ENDS.items():
        _plug(name, side, mac, addresses)
        sh(*(f"ip -n {name} route add default via {hop}" for hop in hops))
        sh(f"ip link set {name}-{side} up")
    for name in HOSTS:
        for side, (mac, addresses) in ROUTER.items():
            _plug(name, side, mac, addresses)
        subprocess.run(["ip", "netns", "exec", name, "nft", "-f", "-"], input=RULES, text=True, check=True)


def _plug(name: str, side: str, mac: str, addresses: tuple[str, ...]) -> None:
    sh(f"ip link add {name}-{side} type veth peer name {side} address {mac} netns {name}",
       f"ip link set {name}-{side} master br-{side}", f"ip -n {name} link set {side} up",
       *(f"ip -n {name} addr add {address} dev {side} {'nodad' if ':' in address else ''}" for address in addresses),
       )  # fmt: skip


def connect(name: str) -> None:
    """This router is connected, the other one is not."""
    other = "b" if name == "a" else "a"
    sh(*(f"ip link set {other}-{side} down; ip link set {name}-{side} up" for side in ROUTER))


def tear_down() -> None:
    links = [f"{name}-{end[0]}" for name, end in ENDS.items()] + [f"{name}-{side}" for name in HOSTS for side in ROUTER]
    sh(*(f"ip link del {link} 2>/dev/null || true" for link in (*links, *(f"br-{side}" for side in ROUTER))))
    for name in (*ENDS, *HOSTS):
        netns.remove(name)


class Host:
    """A host with one of the routers, whose carrier runs in a thread."""

    def __init__(self, name: str, active: bool, term: int = 1) -> None:
        self.name = name
        self.carrier = Carrier(name, HOSTS[name], PORT, KEY)
        self._todo: list[dict[str, Routed]] = []
        self._ended = threading.Event()
        self.be(active, term)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def be(self, active: bool, term: int) -> None:
        others = {name: address for name, address in HOSTS.items() if name != self.name}
        self._todo.append({"r1": Routed(self.name, active, term, others)})

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            if self._todo:
                self.carrier.carry(self._todo.pop())
            self.carrier.step(0.02)
        self.carrier.close()


class Stream:
    """A connection: what one end sends comes out of the other."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self.near, self.far = near, far

    def passes(self, word: bytes, back: bool = False, timeout: float = 8.0) -> bool:
        start, end = (self.far, self.near) if back else (self.near, self.far)
        end.settimeout(timeout)
        try:
            start.send(word)
            return end.recv(100) == word
        except OSError:
            return False

    def close(self) -> None:
        self.near.close()
        self.far.close()


def tcp(source: str, target: str, address: str, port: int, listen_on: int) -> Stream:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = within(netns.path_of(target), lambda: socket.create_server(("", listen_on), family=family))
    near = within(netns.path_of(source), lambda: socket.create_connection((address, port), 5))
    listener.settimeout(5)
    far, _ = listener.accept()
    listener.close()
    return Stream(near, far)


def udp(source: str, target: str, address: str, port: int) -> Stream:
    def plain() -> socket.socket:
        return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    near, far = (within(netns.path_of(name), plain) for name in (source, target))
    far.bind(("", port))
    near.connect((address, port))
    near.send(b"first")
    far.settimeout(5)
    far.connect(far.recvfrom(100)[1])
    return Stream(near, far)


def streams() -> Iterator[tuple[str, Stream]]:
    yield "TCP through SNAT", tcp("guest", "server", "203.0.113.9", 80, 80)
    yield "TCP to a floating IP", tcp("server", "guest", "203.0.113.50", 81, 81)
    yield "TCP to a forwarded port", tcp("server", "guest", "203.0.113.51", 8080, 80)
    yield "IPv6", tcp("guest", "server", "fd00:2::9", 82, 82)
    yield "UDP through SNAT", udp("guest", "server", "203.0.113.9", 83)
