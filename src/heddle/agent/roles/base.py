"""What a role of an agent is.

A role makes one kind of thing of the host be as the view says: the switch its flows, the router its
namespaces, DHCP its servers.  The loop calls it from one thread, so a role needs no locks:

    prepare                  once, before anything else: what the role needs on the host whatever the view is
    foretell(mirror, refs)   of roles that have it: what others must hear while all ports are still wired as they were
    reconcile(mirror, None)  everything: at the start, after a failure, and now and then
    reconcile(mirror, refs)  these objects changed: in the view, or on the host (the interface of a port)
    audit(mirror)            compare the host itself with the view, put right what differs, and tell it; or only look
    state(mirror)            what the agent's record shows of the role

A role is told of every change and picks what concerns it.  It never raises for one object: it returns a
`Status` with state "error" for it, and is asked for that object again, later and later.  When the role
raises, all of its work is asked for again.  Nothing is called before the whole view has come, so what
the view does not have may be removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from heddle.agent.mirror import Mirror
from heddle.agent.roles.plugs import Plugs, SwitchPlugs
from heddle.config import Settings
from heddle.errors import HeddleError
from heddle.host.ovs import Ovs
from heddle.view.types import Ref, RoleState, Status


@dataclass(frozen=True)
class Host:
    """The host as the roles find it.  `ovs` is None where there is no Open vSwitch; `datapath` is that of Open vSwitch,
    "system" or "netdev", or "bridge"; `make_plugs`: how the ports of our own namespaces come on the switch.

    `touch` may be called from any thread: the objects are given to `reconcile` as changed, soon.
    """

    settings: Settings
    ovs: Ovs | None
    datapath: str
    touch: Callable[[Iterable[Ref]], None] = lambda refs: None
    make_plugs: Callable[[], Plugs] | None = None

    @property
    def name(self) -> str:
        return self.settings.host

    @property
    def vswitch(self) -> Ovs:
        """Raises `HeddleError` on a host without Open vSwitch."""
        if self.ovs is None:
            raise HeddleError("this host has no Open vSwitch")
        return self.ovs

    def plugs(self) -> Plugs:
        return self.make_plugs() if self.make_plugs else SwitchPlugs(self.vswitch)


@dataclass(frozen=True)
class Drift:
    """Something on the host was not as this agent had left it.  `id` names the object, "" when none is known."""

    kind: str
    id: str
    expected: str
    found: str


class Role(Protocol):
    name: str

    def prepare(self, host: Host) -> None:
        """Raises `HeddleError` when the role cannot work on this host; the agent then does not start."""

    def reconcile(self, mirror: Mirror, changed: frozenset[Ref] | None) -> list[Status]:
        """Make it so, and tell how it went; `changed` None means everything."""

    def audit(self, mirror: Mirror, repair: bool = True) -> list[Drift]:
        """Compare the host with what it should be, repair it if that is wanted, and return what was found."""

    def state(self, mirror: Mirror) -> RoleState: ...

    def close(self) -> None:
        """The agent ends; what carries traffic stays."""


@runtime_checkable
class Foretelling(Protocol):
    """A role with something to say before any role begins to work on the changes; it changes nothing yet."""

    name: str

    def foretell(self, mirror: Mirror, changed: frozenset[Ref] | None) -> None: ...
