"""Lets the loopback of this machine reach a port in a network namespace: forward.py PORT PID ADDRESS PORT [PORT…].

Of several ports the first that listens is taken, as a proxy before several servers does.
A socket stays in the namespace where it was made, so only the thread that makes it goes there.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
import threading
from contextlib import suppress

CLONE_NEWNET = 0x40000000


def enter(pid: int) -> None:
    """Move this thread into the network namespace of a process."""
    handle = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(handle, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter the network of process {pid}")
    finally:
        os.close(handle)


def pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for each, how in ((sink, socket.SHUT_WR), (source, socket.SHUT_RD)):
        with suppress(OSError):
            each.shutdown(how)


def reach(host: str, ports: list[int]) -> socket.socket:
    for port in ports[:-1]:
        with suppress(OSError):
            return socket.create_connection((host, port), 5)
    return socket.create_connection((host, ports[-1]), 5)


def serve(stream: socket.socket, pid: int, host: str, ports: list[int]) -> None:
    with stream:
        try:
            enter(pid)
            other = reach(host, ports)
        except OSError:
            return
        with other:
            other.settimeout(None)
            for each in (stream, other):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=pump, args=(other, stream), daemon=True)
            back.start()
            pump(stream, other)
            back.join()


def main(port: str, pid: str, host: str, *there: str) -> None:
    with socket.create_server(("127.0.0.1", int(port))) as server:
        print("ready", flush=True)
        ports = [int(each) for each in there]
        while True:
            stream, _ = server.accept()
            threading.Thread(target=serve, args=(stream, int(pid), host, ports), daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
