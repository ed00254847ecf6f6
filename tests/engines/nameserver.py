"""A DNS server of the tests' own: Knot, on the loopback, with zones that a TSIG key may change."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import tempfile
import time
from base64 import b64encode
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

ZONES = ("example.org.", "2.0.192.in-addr.arpa.", "113.0.203.in-addr.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa.")
_CONF = """
server:
    rundir: "{folder}"
    listen: [ 127.0.0.1@{port}, ::1@{port} ]
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "{folder}"
log:
  - target: stderr
    any: warning
key:
  - id: heddle
    algorithm: hmac-sha256
    secret: {secret}
  - id: other
    algorithm: hmac-sha256
    secret: {secret}
acl:
  - id: heddle
    key: heddle
    action: update
zone:
"""
_ZONE = """  - domain: {name}
    file: "{folder}/{name}zone"
    acl: heddle
    zonefile-sync: -1
"""
_FILE = """{name} 300 SOA ns.{name} admin.{name} 1 3600 600 86400 300
{name} 300 NS ns.{name}
"""


class Nameserver:
    """`secret` is that of the keys "heddle", which may change the zones, and "other", which may not."""

    def __init__(self) -> None:
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self._folder = tempfile.TemporaryDirectory(prefix="heddle-dns-", dir=memory)
        self.secret = b64encode(secrets.token_bytes(32)).decode()
        self.port = _free_port()
        folder = Path(self._folder.name)
        words = {"folder": folder, "port": self.port, "secret": self.secret}
        zones = "".join(_ZONE.format(name=name, folder=folder) for name in ZONES)
        (folder / "knot.conf").write_text(_CONF.format(**words) + zones)
        for name in ZONES:
            (folder / f"{name}zone").write_text(_FILE.format(name=name))
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def settings(self) -> list[str]:
        return [
            "dns.driver=rfc2136", f"dns.zones={','.join(ZONES)}", f"rfc2136.server=127.0.0.1:{self.port}",
            "rfc2136.key_name=heddle", f"rfc2136.key_secret={self.secret}",
        ]  # fmt: skip

    def start(self) -> None:
        conf = Path(self._folder.name) / "knot.conf"
        self._process = subprocess.Popen(["knotd", "-c", conf], stdin=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while not self._answers():
            assert self._process.poll() is None, "knotd ended"
            assert time.monotonic() < end, "knotd does not answer"
            time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
        self._process = None

    def close(self) -> None:
        self.stop()
        self._folder.cleanup()

    def values(self, name: str, kind: str) -> set[str]:
        """What the server answers for a name."""
        query = dns.message.make_query(name, kind)
        answer = dns.query.tcp(query, "127.0.0.1", 5, self.port)
        assert answer.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN), answer
        return {
            rdata.to_text() for rrset in answer.answer for rdata in rrset
            if rrset.rdtype == dns.rdatatype.from_text(kind)
        }  # fmt: skip

    def _answers(self) -> bool:
        try:
            return all(self.values(name, "SOA") for name in ZONES)
        except (OSError, EOFError, AssertionError):
            return False


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
