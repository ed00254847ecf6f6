"""A server that records what another answers, and one that plays it again at once.

    python exchange.py record FILE PORT TARGET_PORT
    python exchange.py play FILE PORT

Both are on 127.0.0.1, write their process id to standard output when they listen, and work until SIGTERM.  A request
is known by its test (`X-Test`, which `seeded` adds), method, target and body; the same request made again gets the next
recorded answer, and after the last one that one again.  Where an answer names the server, the recorder puts itself.
A request that was never recorded gets a 404; at its end the player says how many there were.  Clients must close the
connection after each answer, as tempest does.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import socketserver
import sys
import threading
from collections import defaultdict
from types import FrameType

LOCAL = "127.0.0.1"
UNKNOWN = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def read_request(connection: socket.socket) -> bytes:
    """One request with its body; empty where the client closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    missing = int(header(head, b"content-length") or 0) - len(body)
    while missing > 0:
        piece = connection.recv(65536)
        data += piece
        missing -= len(piece) or missing
    return data


def header(head: bytes, name: bytes) -> bytes:
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return b""


def key_of(request: bytes) -> str:
    head, _, body = request.partition(b"\r\n\r\n")
    method, target, _ = head.split(b" ", 2)
    return b" ".join((header(head, b"x-test"), method, target, body)).decode("latin-1")


def forward(request: bytes, port: int) -> bytes:
    """The answer of the server at `port`, as it came."""
    with socket.create_connection((LOCAL, port)) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer


def record(path: str, port: int, target: int) -> None:
    lock = threading.Lock()
    theirs, ours = (f"{LOCAL}:{number}".encode() for number in (target, port))
    assert len(theirs) == len(ours), "an answer would have another length"
    with open(path, "w", encoding="ascii") as file:

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                request = read_request(self.request)
                if request:
                    answer = forward(request, target).replace(theirs, ours)
                    with lock:
                        file.write(json.dumps([key_of(request), answer.decode("latin-1")]) + "\n")
                        file.flush()
                    self.request.sendall(answer)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 128

        with Server((LOCAL, port), Handler) as server:
            print(os.getpid(), flush=True)
            server.serve_forever()


def play(path: str, port: int) -> None:
    """One request after the other: a thread for each would take longer than to answer."""
    answers: dict[str, list[bytes]] = defaultdict(list)
    with open(path, encoding="ascii") as file:
        for line in file:
            key, answer = json.loads(line)
            answers[key].append(answer.encode("latin-1"))
    for queue in answers.values():
        queue.reverse()
    count = unknown = 0
    server = socket.create_server((LOCAL, port), backlog=128)

    def stop(number: int, frame: FrameType | None) -> None:
        print(f"{count} requests, {unknown} of them never recorded", flush=True)
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    print(os.getpid(), flush=True)
    while True:
        connection, _ = server.accept()
        with connection:
            request = read_request(connection)
            if not request:
                continue
            count += 1
            queue = answers.get(key_of(request))
            unknown += queue is None
            connection.sendall(UNKNOWN if queue is None else queue.pop() if len(queue) > 1 else queue[0])


if __name__ == "__main__":
    if sys.argv[1] == "record":
        record(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        play(sys.argv[2], int(sys.argv[3]))
