"""The start and the end of the agent process: the roles of this host, joined with its data plane and the bus."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterable
from pathlib import Path

from heddle.agent import guarantees
from heddle.agent.data_planes import open_plane
from heddle.agent.data_planes.base import DataPlane
from heddle.agent.events import Events
from heddle.agent.loop import Loop
from heddle.agent.questions import Questions
from heddle.agent.roles.base import Role
from heddle.bus.base import AgentBus
from heddle.config import Settings
from heddle.errors import ConfigError
from heddle.structs import make_ready

log = logging.getLogger(__name__)

GRACE = 0.8


def make_roles(names: Iterable[str], plane: DataPlane) -> list[Role]:
    """The roles by name, and what every host does; what a role needs is imported only where it runs.

    Raises `ConfigError`.
    """
    roles: list[Role] = []
    last: list[Role] = []  # a process of older code that metadata has to end first holds up what comes after it
    for name in names:
        if name == "switch":
            roles.append(plane.switch())
        elif name == "router":
            from heddle.agent.roles.router import RouterRole
            roles.append(RouterRole())
        elif name == "dhcp":
            from heddle.agent.roles.dhcp import DhcpRole
            roles.append(DhcpRole())
        elif name == "metadata":
            from heddle.agent.roles.metadata import MetadataRole
            last.append(MetadataRole())
        else:
            raise ConfigError(f"agent.roles: there is no role {name!r}; there are: switch, router, dhcp, metadata")
    from heddle.agent.roles.floating import FloatingRole
    from heddle.agent.roles.ha import HaRole
    from heddle.agent.roles.precedence import PrecedenceRole
    return [PrecedenceRole(), *roles, FloatingRole(), HaRole(), *last]


def _without_metadata(settings: Settings) -> None:
    """End the process that a metadata role of earlier has left: nobody tells it of changes any more."""
    from heddle.host import metadata
    metadata.end(Path(settings.paths.run) / metadata.FOLDER)


def _end(events: Events) -> None:
    """End after the work at hand, but at once when that waits for a server or a process that does not answer.

    The agent may end at any moment: what it has made is found again by the next one.
    """
    events.stop()
    timer = threading.Timer(GRACE, os._exit, (0,))
    timer.daemon = True
    timer.start()


def run_agent(settings: Settings, bus: AgentBus) -> None:
    """Run the agent of this host until SIGTERM or SIGINT.

    Raises `HeddleError` when it cannot start: Open vSwitch is away, a bridge is not ours, a setting is wrong.
    """
    guarantees.of_settings(settings.agent, settings.host)
    events = Events()
    plane = open_plane(settings, events.touch)
    roles = make_roles(settings.agent.roles, plane)
    prepared: list[Role] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _end(events))
    signal.signal(signal.SIGHUP, lambda *_: None)  # whoever moved the file of logged packets away says so: it is seen
    try:
        if not settings.serves_metadata:
            _without_metadata(settings)
        for role in roles:
            role.prepare(plane.host)
            prepared.append(role)
        make_ready()
        plane.start()
        bus.answer(Questions(settings).take)
        bus.start(settings.host, events.wake)
        log.info("agent host=%s datapath=%s roles=%s", settings.host, plane.datapath, ",".join(settings.agent.roles))
        Loop(settings, bus, roles, plane.datapath, events).run()
    finally:
        bus.stop()
        for role in prepared:
            role.close()
        plane.close()
