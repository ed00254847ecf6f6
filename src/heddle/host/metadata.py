"""The metadata process of this host, seen from the agent: started when there is somebody to serve, and found again.

One process answers the guests of all routers and networks of the host.  What guests send is parsed there, by a user
without rights; the agent opens the sockets, in the namespaces, and hands them over.  It outlives the agent and is
known by its pid file, believed only when the process of that number runs our module with that folder.  While it starts
the agent does other things.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from heddle.errors import HeddleError
from heddle.host import beside, netns
from heddle.host import metadata_wire as wire
from heddle.host.netlink import ROUTE, open_socket, within
from heddle.host.run import detach
from heddle.view.types import Message

MODULE = "heddle.agent.metadata.serve"
FOLDER = "metadata"
BACKLOG = 64
_TIMEOUT = 5.0
_START_WITHIN = 10.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where guests of a network are heard: a port of an interface in a namespace.

    The other end of the interface has the same name in the namespace of the agent.  `addresses`: those that answer,
    none for all of the interface.
    """

    namespace: str
    device: str
    port: int
    network_id: str
    addresses: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.device}"


class MetadataProcess:
    """In the run folder, a folder of its own holds its control socket, pid file and last words: only root may enter."""

    def __init__(self, run_folder: Path) -> None:
        self._folder = run_folder / FOLDER
        self._socket: socket.socket | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._starting: threading.Thread | None = None
        self._started: socket.socket | HeddleError | None = None
        self._failure = ""

    @property
    def connected(self) -> bool:
        return self._socket is not None

    @property
    def starting(self) -> bool:
        """Whether it is being started, and it is not known yet how that ends."""
        return self._starting is not None and self._started is None

    def connect(self, configuration: wire.Configure, ready: Callable[[], None]) -> bool:
        """Find it and tell it the settings, or begin to start it; whether it is connected.

        When not, `ready` is called from another thread as soon as it is time for the next try.  Raises `HeddleError`
        when it did not start, and from then on until one comes, so that whoever tries does so later and later.
        """
        found = self._taken() if self._starting is not None else self._find()
        if found is None and self._starting is None:
            failure = self._failure
            self.stop()
            self._failure = failure
            self._starting = threading.Thread(target=self._start_beside, args=(ready,), name="metadata", daemon=True)
            self._starting.start()
        if found is None:
            if self._failure:
                raise HeddleError(self._failure)
            return False
        self._socket, self._failure = found, ""
        self.say(configuration)
        return True

    def _taken(self) -> socket.socket | None:
        """The one that was being started, None while it still is.  Raises `HeddleError` when it did not start."""
        found, self._started = self._started, None
        if found is not None:
            self._starting = None
        if isinstance(found, HeddleError):
            self._failure = str(found)
            raise found
        return found

    def _start_beside(self, ready: Callable[[], None]) -> None:
        try:
            self._started = self._start()
        except Exception as error:
            self._started = error if isinstance(error, HeddleError) else HeddleError(str(error))
        ready()

    def stamp(self, place: Place) -> str:
        """Another one when anything of a place is, its interface or namespace too; "" while one of these is missing."""
        identity = netns.identity(place.namespace)
        try:
            outer = socket.if_nametoindex(place.device)
        except OSError:
            return ""
        told = ",".join(place.addresses)
        return f"{identity}.{outer}.{place.port}.{place.network_id}.{told}" if identity else ""

    def say(self, message: wire.Told, sockets: Sequence[int] = ()) -> None:
        """Raises `HeddleError` when it is not there any more."""
        try:
            wire.send(self._open(), message, sockets)
        except OSError as error:
            raise self._lost(error) from error

    def ask(self, message: wire.Look | wire.Close) -> wire.Holding:
        """Raises `HeddleError` like `say`."""
        try:
            return _ask(self._open(), message)
        except (OSError, EOFError, ValueError) as error:
            raise self._lost(error) from error

    def listen(self, place: Place) -> None:
        """Open the socket and hand it over.  Raises `OSError` when it cannot be opened, and `HeddleError`."""
        stamp = self.stamp(place)
        if not stamp:
            raise OSError(f"there is no interface {place.device} in {place.namespace}")
        listener, routing, index = within(netns.path_of(place.namespace), lambda: _listen(place))
        message = wire.Listen(
            key=place.key, stamp=stamp, network_id=place.network_id, index=index, addresses=list(place.addresses)
        )
        with listener, routing:
            self.say(message, [listener.fileno(), routing.fileno()])

    def disconnect(self) -> None:
        """Leave it as it is."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def stop(self) -> bool:
        """End it; whether there was one."""
        self.disconnect()
        if self._starting is not None:
            self._starting.join()
            with contextlib.suppress(HeddleError):
                self._socket = self._taken()
            self.disconnect()
        self._failure = ""
        ended = end(self._folder)
        if self._child is not None:
            self._child.poll()
        return ended

    def is_there(self) -> bool:
        return self.connected or self._starting is not None or bool(pid_of(self._folder))

    def _find(self) -> socket.socket | None:
        """One that runs the code that is here now."""
        found = _connected(self._folder) if pid_of(self._folder) else None
        if found is None:
            return None
        with contextlib.suppress(OSError, EOFError, ValueError):
            if _ask(found, wire.Look()).version == version():
                return found
        found.close()
        return None

    def _start(self) -> socket.socket:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.chmod(0o700)
        self._child = detach([sys.executable, "-m", MODULE, str(self._folder)], self._folder / "log")
        end_at = time.monotonic() + _START_WITHIN
        while time.monotonic() < end_at and self._child.poll() is None:
            found = _connected(self._folder)
            if found is not None:
                return found
            time.sleep(0.005)
        raise HeddleError(f"the metadata process does not start; it said: {beside.last_words(self._folder)}")

    def _open(self) -> socket.socket:
        if self._socket is None:
            raise HeddleError("the metadata process is not connected")
        return self._socket

    def _lost(self, error: Exception) -> HeddleError:
        self.disconnect()
        words = beside.last_words(self._folder)
        return HeddleError(f"the metadata process does not answer: {error or 'it has ended'}; it said: {words}")


def version() -> str:
    """Names the code that the process runs: an agent of another starts it anew."""
    folder = Path(__file__).parents[1]
    service = sorted((folder / "agent" / "metadata").glob("*.py"))
    return beside.version_of((*service, folder / "host" / "metadata_wire.py", folder / "view" / "types.py"))


def pid_of(folder: Path) -> int:
    """The process, when it is there and is ours; else 0."""
    return beside.pid_of(MODULE, folder)


def end(folder: Path, seconds: float = 2.0) -> bool:
    """End the process of that folder, and forget its files; whether there was one."""
    pid = beside.end(MODULE, folder, seconds)
    for name in ("pid", "control", "log"):
        (folder / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()
    return bool(pid)


def _listen(place: Place) -> tuple[socket.socket, socket.socket, int]:
    """In the namespace of the place: a listener for both IP versions, a netlink socket, the interface's number."""
    listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, place.device.encode() + b"\0")
        listener.bind(("::", place.port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
        return listener, open_socket(ROUTE), socket.if_nametoindex(place.device)
    except OSError:
        listener.close()
        raise


def _ask(of: socket.socket, message: Message) -> wire.Holding:
    wire.send(of, message)
    return wire.receive_holding(of)


def _connected(folder: Path) -> socket.socket | None:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    made.settimeout(_TIMEOUT)
    try:
        made.connect(str(folder / "control"))
        return made
    except OSError:
        made.close()
        return None
