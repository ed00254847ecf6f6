"""Asking agents by the server's Unix socket, which lets in root and the server's user alone."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from heddle.bus import frames
from heddle.bus.ask import CONNECT_SECONDS, TOO_OLD, Lack, Outcome, late
from heddle.bus.base import BusError


class LocalAsker:
    def __init__(self, path: Path) -> None:
        self._path = path

    def ask(self, questions: Mapping[str, bytes], seconds: float) -> dict[str, Outcome]:
        with socket.socket(socket.AF_UNIX) as stream:
            self._greet(stream)
            began = time.monotonic()
            hosts = dict(enumerate(questions))
            found: dict[str, Outcome] = {}
            try:
                for id, host in hosts.items():
                    frames.send(stream, frames.Ask(id=id, host=host, question=msgspec.Raw(questions[host])))
                while len(found) < len(hosts) and (left := began + seconds - time.monotonic()) > 0:
                    stream.settimeout(left)
                    frame = frames.receive_from_server(stream)
                    if isinstance(frame, frames.Answer) and frame.id in hosts:
                        found[hosts[frame.id]] = _outcome(frame, time.monotonic() - began)
            except TimeoutError:
                pass
            except (frames.Closed, OSError) as error:
                raise BusError("the server that runs passes on no questions: it is of a release before, or ends"
                               ) from error  # fmt: skip
        return {host: found.get(host) or late(seconds) for host in questions}

    def _greet(self, stream: socket.socket) -> None:
        stream.settimeout(CONNECT_SECONDS)
        try:
            stream.connect(str(self._path))
            frames.send(stream, frames.Hello(host=""))
            welcome = frames.receive_from_server(stream)
        except (frames.Closed, ConnectionResetError, BrokenPipeError) as error:
            raise BusError(f"the server at {self._path} lets in nobody but root and its own user") from error
        except TimeoutError as error:
            raise BusError(f"the server at {self._path} takes the connection and does not answer") from error
        except OSError as error:
            raise BusError(f"no server can be reached at {self._path}: {error.strerror or error}") from error
        if isinstance(welcome, frames.Refuse):
            raise BusError(welcome.reason)


def _outcome(frame: frames.Answer, seconds: float) -> Outcome:
    if frame.error:
        return Outcome(lack=Lack.OLD if frame.error == TOO_OLD else Lack.ABSENT, reason=frame.error)
    return Outcome(bytes(frame.body), seconds)
