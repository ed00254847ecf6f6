"""The front to guests: what it takes, and where it ends."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest
from tests.fakes import l3

from heddle.agent.metadata import http as front
from heddle.agent.metadata.documents import Answer
from heddle.agent.metadata.guests import Card, Guest
from heddle.agent.metadata.http import Front, Peer, Request
from heddle.agent.metadata.nova import Nova
from heddle.agent.metadata.said import A_MINUTE, LATELY, Said
from heddle.host.metadata_wire import Configure

GUEST = Guest((Card(l3.neighbour(l3.port(1, "n1", {}), device_id="vm-1", project_id="blue"), l3.network("n1"), {}),))


class Served:
    """A front on a port of the loopback, that answers with what it was asked."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.front = Front(self.answer)
        self.release = asyncio.Event()
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]

        async def start() -> None:
            await asyncio.start_server(lambda r, w: self.front.serve("k", r, w), sock=listener, limit=front.MOST_HEAD)

        self.loop.run_until_complete(start())
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    async def answer(self, peer: Peer, request: Request) -> Answer:
        if request.path == "/wait":
            await self.release.wait()
        text = [request.method, request.path, request.body.decode(), peer.address, peer.called]
        return Answer(body=json.dumps(text).encode())

    def open(self, text: bytes = b"") -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.port), 5)
        made.sendall(text)
        return made

    def say(self, text: bytes) -> bytes:
        with self.open(text) as made:
            return b"".join(iter(lambda: made.recv(65536), b""))

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()


@pytest.fixture
def served() -> Iterator[Served]:
    made = Served()
    yield made
    made.stop()


def test_it_answers_with_who_asks_whatever_the_headers_say(served: Served) -> None:
    text = served.say(b"GET /a?b=c HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 10.0.0.9\r\n\r\n")
    head, _, body = text.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n") and b"Connection: close" in head
    assert json.loads(body) == ["GET", "/a?b=c", "", "127.0.0.1", "127.0.0.1"]
    posted = served.say(b"POST http://169.254.169.254/p HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc")
    assert json.loads(posted.partition(b"\r\n\r\n")[2])[:3] == ["POST", "/p", "abc"]
    assert served.say(b"HEAD / HTTP/1.1\r\n\r\n").endswith(b"\r\n\r\n")
    assert served.front.answered == 3


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"GET /\r\n\r\n", 400),
        (b"get / HTTP/1.1\r\n\r\n", 400),
        (b"GET x HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 65537\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * front.MOST_HEAD + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", 400),
    ],
)
def test_it_refuses(served: Served, text: bytes, status: int) -> None:
    assert served.say(text).split()[1] == str(status).encode()
    assert served.front.answered == 0


def test_of_one_guest_only_so_many_connections(served: Served) -> None:
    held = [served.open(b"GET /wait HTTP/1.1\r\n\r\n") for _ in range(front.MOST_OF_ONE)]
    with served.open(b"GET / HTTP/1.1\r\n\r\n") as more:
        assert heard(more) == b""
    served.loop.call_soon_threadsafe(served.release.set)
    for each in held:
        assert each.recv(15) == b"HTTP/1.1 200 OK"
        each.close()
    assert b"200 OK" in eventually_answered(served)


def eventually_answered(served: Served) -> bytes:
    for _ in range(200):
        with served.open(b"GET / HTTP/1.1\r\n\r\n") as made:
            if text := heard(made):
                return text
        threading.Event().wait(0.01)
    return b"never"


def heard(of: socket.socket) -> bytes:
    """What comes first, nothing from an end that has closed."""
    try:
        return of.recv(65536)
    except ConnectionResetError:
        return b""


def test_who_does_not_ask_in_time_is_cut_off(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "HEAR_SECONDS", 0.2)
    with served.open(b"GET / HT") as slow:
        assert heard(slow) == b""
    assert served.front.refused == 1


class FakeNova(BaseHTTPRequestHandler):
    asked: list[tuple[str, str, dict[str, str], bytes]]
    answer: tuple[int, bytes]

    def do_GET(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        self.asked.append((self.command, self.path, dict(self.headers), self.rfile.read(size)))
        status, body = self.answer
        self.send_response(status)
        self.send_header("Content-Type", "text/x-mine")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def nova() -> Iterator[ThreadingHTTPServer]:
    FakeNova.asked, FakeNova.answer = [], (200, b"#cloud-config")
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeNova)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def to(server: ThreadingHTTPServer) -> Nova:
    return Nova(Configure(nova_host="127.0.0.1", nova_port=server.server_address[1], secret="hush-hush"))


def test_a_request_for_nova_is_signed(nova: ThreadingHTTPServer) -> None:
    found = to(nova).forward(GUEST, "10.0.0.9", Request("POST", "/openstack/latest/password?a=b c", b"body", "text/a"))
    assert found == Answer(200, b"#cloud-config", "text/x-mine")
    ((method, path, headers, body),) = FakeNova.asked
    assert (method, path, body) == ("POST", "/openstack/latest/password?a=b%20c", b"body")
    assert headers["X-Instance-ID"] == "vm-1" and headers["X-Tenant-ID"] == "blue"
    assert headers["X-Forwarded-For"] == "10.0.0.9" and headers["Content-Type"] == "text/a"
    # printf vm-1 | openssl dgst -sha256 -hmac hush-hush
    assert headers["X-Instance-ID-Signature"] == "54563029b85ad57b054daf71cb040b82bcb9efe792546c970474e6d7845c22a4"


def test_what_fits_into_no_header_is_not_sent(nova: ThreadingHTTPServer) -> None:
    for device in ("vm\r\n X-Tenant-ID: red", "vm\n", "v\N{SNOWMAN}"):
        port = msgspec.structs.replace(GUEST.port, device_id=device)
        other = Guest((Card(port, l3.network("n1"), {}),))
        assert to(nova).forward(other, "10.0.0.9", Request("GET", "/")).status == 404
    assert to(nova).forward(GUEST, "10.0.0.9", Request("TRACE", "/")).status == 405
    assert FakeNova.asked == []
    assert to(nova).forward(GUEST, "10.0.0.9", Request("GET", "/\x01\xe9", b"", "a\x01b")).status == 200
    ((_, path, headers, _),) = FakeNova.asked
    assert path == "/%01%E9" and "Content-Type" not in headers


def test_what_nova_refuses_is_told_by_its_status_and_no_secret(
    nova: ThreadingHTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    for status, told in ((404, 404), (403, 403), (503, 503), (302, 502), (201, 502)):
        FakeNova.answer = (status, b"secret of Nova")
        found = to(nova).forward(GUEST, "10.0.0.9", Request("GET", "/"))
        assert found.status == told and b"secret" not in found.body
    assert "refuses: is the shared secret the same there?" in caplog.text and "hush-hush" not in caplog.text


def test_a_nova_that_is_away_or_says_too_much(nova: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heddle.agent.metadata.nova.MOST_ANSWER", 5)
    assert to(nova).forward(GUEST, "10.0.0.9", Request("GET", "/")).status == 502
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    away = Nova(Configure(nova_host="127.0.0.1", nova_port=port, secret="x"))
    assert away.forward(GUEST, "10.0.0.9", Request("GET", "/")).status == 502


def test_of_warnings_a_few_lines_a_minute_are_kept_and_the_last_is_told() -> None:
    now = [600.0]
    made = Said(lambda: now[0])

    def kept(text: str) -> int:
        record = logging.LogRecord("x", logging.WARNING, "", 0, "%s", (text,), None)
        return sum(bool(made.filter(record)) for _ in range(A_MINUTE + 5))

    assert made.lately() == ""
    assert kept("first") == A_MINUTE and made.lately() == "first"
    now[0] += 60
    assert kept("second") == A_MINUTE and made.lately() == "second"
    now[0] += LATELY + 1
    assert made.lately() == ""
