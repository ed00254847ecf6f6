"""A server that is told to end answers what it has accepted, takes nothing more, and waits for nobody without end."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.load.processes import Server, Supervised
from waitress.server import create_server

from heddle.api import serving
from heddle.host.process import alive

HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
REST = b"Connection: close\r\n\r\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path, server_user="root")
    made.start()
    yield made
    if made.process.poll() is None:
        made.kill()


def connected(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), 10)


def answer(stream: socket.socket) -> bytes:
    with stream:
        parts = []
        while part := stream.recv(65536):
            parts.append(part)
    return b"".join(parts)


def test_what_was_accepted_is_answered(server: Server) -> None:
    begun, idle = connected(server), connected(server)
    begun.sendall(HEAD)
    idle.sendall(HEAD + b"\r\n")
    found = b""
    while not found.endswith(b"}"):
        found += idle.recv(65536)
    assert b"200 OK" in found, "it stays connected, and asks nothing more"
    time.sleep(0.2)
    waiting = [connected(server) for _ in range(30)]
    for each in waiting:
        each.sendall(HEAD + REST)
    server.process.send_signal(signal.SIGTERM)
    assert all(b"200 OK" in answer(each) for each in waiting), "whoever had connected"
    began = time.monotonic()
    while True:
        try:
            connected(server).close()
        except ConnectionRefusedError:
            break
        assert time.monotonic() - began < 3, "who comes later goes to another server"
        time.sleep(0.01)
    assert server.process.poll() is None
    begun.sendall(REST)
    assert b"200 OK" in answer(begun), "a request that was begun"
    assert server.process.wait(5) == 0 and answer(idle) == b""


def test_who_connects_while_a_supervised_server_ends_is_refused(tmp_path: Path) -> None:
    made = Supervised(tmp_path, 1)
    made.start()
    try:
        begun = connected(made)
        begun.sendall(HEAD)
        time.sleep(0.2)
        made.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        while True:
            try:
                connected(made).close()
            except ConnectionRefusedError:
                break
            assert time.monotonic() - began < 3, "it would wait for an answer that nobody gives"
            time.sleep(0.01)
        assert made.process.poll() is None
        begun.sendall(REST)
        assert b"200 OK" in answer(begun)
        assert made.process.wait(10) == 0
    finally:
        if made.process.poll() is None:
            made.kill()


def test_several_workers_with_slow_clients_end_beside_each_other(tmp_path: Path) -> None:
    made = Supervised(tmp_path, 3)
    made.start()
    try:
        begun = []
        for number in made.pids():
            with made.only(number):
                begun.append(connected(made))
                begun[-1].sendall(HEAD)
                time.sleep(0.2)
        pids = made.pids().values()
        made.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert made.process.wait(40) == 0
        took = time.monotonic() - began
        assert 4 < took < 10, "each of them waits five seconds for its client"
        assert not any(alive(pid) for pid in pids)
        assert [answer(each) for each in begun] == [b"", b"", b""]
    finally:
        if made.process.poll() is None:
            made.kill()


def test_nobody_is_waited_for_without_end(server: Server) -> None:
    with connected(server) as begun:
        begun.sendall(HEAD)
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        server.process.wait(12)
        assert time.monotonic() - began > 4


def test_a_second_signal_ends_it_at_once(server: Server) -> None:
    with connected(server) as begun:
        begun.sendall(HEAD)
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert server.process.poll() is None
        server.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        server.process.wait(5)
        assert time.monotonic() - began < 3


def test_a_request_that_does_not_end_leaves_time_for_what_comes_after() -> None:
    """Duties are given back then, before a supervisor's patience of ten seconds is over."""
    begun, over, stopping = threading.Event(), threading.Event(), threading.Event()

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        begun.set()
        over.wait(60)
        start_response("200 OK", [])
        return []

    server = create_server(app, host="127.0.0.1", port=0, threads=2)
    loop = threading.Thread(target=serving.run, args=(server, stopping), daemon=True)
    loop.start()
    with socket.create_connection(("127.0.0.1", server.effective_port)) as stream:
        stream.sendall(HEAD + REST)
        assert begun.wait(10)
        stopping.set()
        serving.wake(server)
        loop.join(8)
        assert not loop.is_alive()
        over.set()
