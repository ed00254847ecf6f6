"""An agent as the Networking API shows it: one record for each role of a host."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from heddle.model.fields import Bool, Int, Text
from heddle.model.resource import Field, Resource
from heddle.model.values import OBJECT

ROLES = {
    "switch": ("Open vSwitch agent", "neutron-openvswitch-agent", "N/A"),
    "bridge": ("Linux bridge agent", "neutron-linuxbridge-agent", "N/A"),
    "router": ("L3 agent", "neutron-l3-agent", "l3_agent"),
    "dhcp": ("DHCP agent", "neutron-dhcp-agent", "dhcp_agent"),
    "metadata": ("Metadata agent", "neutron-metadata-agent", "N/A"),
}
# The roles that carry the ports of a host.
CARRIERS = ("switch", "bridge")


class AgentType(Text):
    """The kind of an agent.  A filter finds it in any case, as the reference's database compares names."""

    _names: ClassVar[dict[str, str]] = {title.lower(): title for title, _, _ in ROLES.values()}

    def from_query(self, text: str) -> str:
        return self._names.get(text.lower()) or super().from_query(text)


class Agent(Resource, kw_only=True):
    """`role` is Heddle's own word for what the record stands for; times are UTC, as `2026-01-31 23:59:59`.

    `alive` follows from the heartbeats (`control/failover.py`).
    `resources_synced` is None: no placement service is told of the host's resources.
    """

    member: ClassVar[str] = "agent"
    collection: ClassVar[str] = "agents"
    title: ClassVar[str] = "Agent"

    project_id: Annotated[str, Field(Text(255), visible=False)] = ""
    agent_type: Annotated[str, Field(AgentType(255), filter=True, sort=True)] = ""
    binary: Annotated[str, Field(Text(255), filter=True, sort=True)] = ""
    topic: Annotated[str, Field(Text(255), filter=True, sort=True)] = ""
    host: Annotated[str, Field(Text(255), filter=True, sort=True, indexed=True)] = ""
    availability_zone: Annotated[str | None, Field(Text(255, nullable=True), filter=True)] = None
    admin_state_up: Annotated[bool, Field(Bool(), update=True, filter=True, sort=True)] = True
    alive: Annotated[bool, Field(Bool(), filter=True, sort=True)] = True
    created_at: Annotated[str, Field(Text(20), sort=True)] = ""
    started_at: Annotated[str, Field(Text(20), sort=True)] = ""
    heartbeat_timestamp: Annotated[str, Field(Text(20), sort=True)] = ""
    description: Annotated[str | None, Field(Text(255, nullable=True), update=True, filter=True, sort=True)] = None
    configurations: Annotated[dict[str, Any], Field(OBJECT)] = {}
    resources_synced: Annotated[bool | None, Field(Bool(nullable=True), stored=False)] = None
    role: Annotated[str, Field(Text(32), visible=False)] = ""
    heartbeat: Annotated[int, Field(Int(0, 2**40), visible=False)] = 0
