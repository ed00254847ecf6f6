"""What guests do in a test: connect, listen, send frames of a test's own making, and catch them."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

from tests.real.testhost import PATIENCE, TestHost

from heddle.host.guest_dhcp import SCRIPT

TOOL = str(Path(__file__).with_name("frames.py"))
BROADCAST = "ff:ff:ff:ff:ff:ff"


def bare(mac: str) -> str:
    return mac.replace(":", "")


def _ip(address: str) -> str:
    return ip_address(address).packed.hex()


def arp(sender_mac: str, sender_ip: str, target_ip: str, dst: str = BROADCAST, eth_src: str = "", op: int = 1) -> str:
    """An ARP frame; `eth_src` where the Ethernet source is another than the sender inside."""
    head = bare(dst) + bare(eth_src or sender_mac) + "0806" + "0001080006040001"[:-1] + str(op)
    return head + bare(sender_mac) + _ip(sender_ip) + "000000000000" + _ip(target_ip)


def udp(src_mac: str, dst_mac: str, src: str, dst: str, nonce: str, ports: tuple[int, int] = (4000, 4000)) -> str:
    """A UDP datagram over IPv4 whose payload is the nonce (hex), without a UDP checksum."""
    payload = bytes.fromhex(nonce)
    length = 8 + len(payload)
    header = f"4500{20 + length:04x}0001400040110000" + _ip(src) + _ip(dst)
    header = header[:20] + f"{_checksum(bytes.fromhex(header)):04x}" + header[24:]
    return bare(dst_mac) + bare(src_mac) + "0800" + header + f"{ports[0]:04x}{ports[1]:04x}{length:04x}0000" + nonce


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of an even number of bytes."""
    total = sum(int.from_bytes(data[place:place + 2]) for place in range(0, len(data), 2))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def neighbour_solicitation(sender_mac: str, sender_ip: str, target: str) -> str:
    """An IPv6 frame that asks all for a neighbour (RFC 4861)."""
    group = "ff0200000000000000000001ff" + _ip(target)[-6:]
    addresses = _ip(sender_ip) + group
    body = _ip(target) + "0101" + bare(sender_mac)
    check = _checksum(bytes.fromhex(f"{addresses}{32:08x}{58:08x}8700000000000000{body}"))
    ether = "3333ff" + _ip(target)[-6:] + bare(sender_mac) + "86dd"
    return f"{ether}600000000020" + "3aff" + addresses + f"8700{check:04x}00000000{body}"


def send(host: TestHost, guest: str, *frames: str) -> None:
    host.guest(guest, sys.executable, TOOL, "send", "eth0", *frames, check=True)


@contextlib.contextmanager
def catching(host: TestHost, guests: list[str], nonce: str, seconds: float = 0.7) -> Iterator[dict[str, list[str]]]:
    """Catch frames with the nonce in these guests meanwhile; the result is there after the block."""
    children = {
        guest: host.popen(
            "ip", "netns", "exec", guest, sys.executable, TOOL, "catch", "eth0", str(seconds * PATIENCE), nonce,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for guest in guests
    }
    for child in children.values():
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
    caught: dict[str, list[str]] = {}
    yield caught
    for guest, child in children.items():
        caught[guest] = child.communicate(timeout=10 * PATIENCE)[0].split()


@contextlib.contextmanager
def listening(host: TestHost, guest: str, port: int) -> Iterator[None]:
    child = host.popen(
        "ip", "netns", "exec", guest, sys.executable, TOOL, "listen", str(port), stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None and child.stdout.readline() == "ready\n"
    try:
        yield
    finally:
        child.kill()
        child.wait()


def connects(host: TestHost, guest: str, address: str, port: int, seconds: float = 0.5) -> bool:
    return "open" in host.guest(guest, sys.executable, TOOL, "tcp", address, str(port), str(seconds * PATIENCE))


def serve(host: TestHost, guest: str, *ports: int) -> None:
    """A server in a namespace, which tells who it is, at which port, and who asked."""
    host.popen(
        "ip", "netns", "exec", guest, "python3", "-c",
        "import select, socket, sys\n"
        "servers = [socket.create_server(('', int(p)), reuse_port=True) for p in sys.argv[2:]]\n"
        "while True:\n"
        "  for server in select.select(servers, [], [])[0]:\n"
        "    c, a = server.accept()\n"
        "    c.sendall(f'{sys.argv[1]} {server.getsockname()[1]} {a[0]}'.encode()); c.close()",
        guest, *map(str, ports), stderr=-3,
    )  # fmt: skip


def answer(host: TestHost, source: str, address: str, port: int) -> str:
    """What such a server says to whom connects from a namespace, "" when none answers."""
    ask = f"{{ exec 3<>/dev/tcp/{address}/{port} && cat <&3; }} 2>/dev/null"
    return host.guest(source, "timeout", str(0.6 * PATIENCE), "bash", "-c", ask).strip()


def lease(host: TestHost, guest: str) -> str:
    """What busybox says of the lease that it gets, which the script of the lab's guests applies.

    Raises `RuntimeError` when no server answers within seconds.
    """
    host.sh(f"mkdir -p /run/lease; cat >/run/lease/script <<'EOF'\n{SCRIPT}\nEOF\nchmod 755 /run/lease/script")
    return host.guest(
        guest, "env", "RESOLV_CONF=/run/lease/resolv.conf", "busybox", "udhcpc", "-f", "-q", "-n", "-t", "8", "-T", "1",
        "-i", "eth0", "-s", "/run/lease/script", "-O", "mtu", "-O", "staticroutes", check=True,
    )  # fmt: skip


class Talking:
    """Two guests that send to each other all the time over one connection that the first began; TCP, or UDP.

    `received` are the bytes that have come to each of them; the second is on the host `there`, if it is another.
    """

    def __init__(self, host: TestHost, guests: tuple[str, str], address: str, port: int, udp: bool = False,
                 there: TestHost | None = None) -> None:  # fmt: skip
        far, near = ("echo", "ask") if udp else ("serve", "talk")
        self.received = [0, 0]
        self._children = [self._start(there or host, guests[1], 1, far, str(port))]
        self._children.append(self._start(host, guests[0], 0, near, address, str(port)))

    def _start(self, host: TestHost, guest: str, place: int, *arguments: str) -> subprocess.Popen[str]:
        command = ["ip", "netns", "exec", guest, sys.executable, TOOL, *arguments]
        child: subprocess.Popen[str] = host.popen(*command, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None and child.stdout.readline() == "ready\n", arguments
        threading.Thread(target=self._read, args=(child, place), daemon=True).start()
        return child

    def _read(self, child: subprocess.Popen[str], place: int) -> None:
        assert child.stdout is not None
        for line in child.stdout:
            self.received[place] = int(line)

    def goes_on(self, seconds: float = 5) -> bool:
        """Whether more comes to both."""
        before = list(self.received)
        return eventually(lambda: all(now > then for now, then in zip(self.received, before, strict=True)), seconds)

    def is_silent(self, seconds: float = 1.5) -> bool:
        """Whether nothing more comes to either, for so long."""
        before = list(self.received)
        time.sleep(seconds)
        return self.received == before

    def close(self) -> None:
        for child in self._children:
            child.kill()
            child.wait()


@contextlib.contextmanager
def talking(host: TestHost, guests: tuple[str, str], address: str, *ports: int,
            there: TestHost | None = None) -> Iterator[list[Talking]]:  # fmt: skip
    """A TCP connection to each of these ports, that goes on."""
    made = [Talking(host, guests, address, port, there=there) for port in ports]
    try:
        assert all(each.goes_on() for each in made)
        yield made
    finally:
        for each in made:
            each.close()


class Pinging:
    """Echo requests at a fixed rate in the background; `lost` waits for the end."""

    def __init__(self, host: TestHost, guest: str, address: str, seconds: float, interval: float = 0.01) -> None:
        self._child = host.popen(
            "ip", "netns", "exec", guest, sys.executable, TOOL, "ping", address, str(seconds), str(interval),
            stdout=subprocess.PIPE, text=True,
        )
        assert self._child.stdout is not None and self._child.stdout.readline() == "ready\n"

    def result(self, timeout: float = 60) -> tuple[int, int]:
        """Sent and lost."""
        output, _ = self._child.communicate(timeout=timeout * PATIENCE)
        sent, lost, *_ = output.split()
        return int(sent), int(lost)


def eventually(condition: object, seconds: float = 3) -> bool:
    """Whether a probe is true within some seconds."""
    assert callable(condition)
    end = time.monotonic() + seconds * PATIENCE
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False
