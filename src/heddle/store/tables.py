"""The tables: one for each resource, its columns derived from `model/`, and those that join and count.

Identifiers are UUIDs as text.  Addresses in `ip_ranges` are 32 hexadecimal digits, so that their order as
text is their order as numbers, for IPv4 and IPv6, on every engine.  Structured values are JSON text.
"""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from heddle.model.agent import Agent
from heddle.model.floating_ip import FloatingIp
from heddle.model.identity import ApplicationCredential, Domain, Project, Role, User
from heddle.model.network import Network
from heddle.model.port import Port
from heddle.model.resource import FieldInfo, Resource, fields_of
from heddle.model.router import Router
from heddle.model.security_group import SecurityGroup, SecurityGroupRule
from heddle.model.subnet import Subnet

METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class JsonText(TypeDecorator[Any]):
    """A structured value kept as JSON text and read back as the type that its field declares."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, python_type: Any = Any) -> None:
        super().__init__()
        self.python_type_ = python_type
        self._decoder = msgspec.json.Decoder(python_type)

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Any) -> Any:
        if value == "[]":
            return []
        if value == "{}":
            return {}
        return None if value is None else self._decoder.decode(value)


def _column(field: FieldInfo) -> sa.Column[Any]:
    kinds: dict[str, Any] = {"bool": sa.Boolean(), "int": sa.BigInteger()}
    if field.type.column == "json":
        kind: Any = JsonText(field.python_type)
    elif field.type.column == "text":
        kind = sa.String(field.type.length or 255)
    else:
        kind = kinds[field.type.column]
    nullable = field.type.nullable
    return sa.Column(field.name, kind, primary_key=field.name == "id", nullable=nullable, index=field.indexed or None)


def table_for(model: type[Resource], *extra: Any) -> sa.Table:
    """The table of a resource: a column for each stored field."""
    columns = [_column(field) for field in fields_of(model).values() if field.stored]
    return sa.Table(model.collection, METADATA, *columns, *extra)


def _id(name: str, *, key: bool = False, index: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(36), primary_key=key, nullable=False, index=index or None)


def _text(name: str, length: int = 255, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), primary_key=key, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


networks = table_for(Network)
subnets = table_for(Subnet)
ports = table_for(Port, sa.UniqueConstraint("network_id", "mac_address"))
routers = table_for(Router)
floating_ips = table_for(FloatingIp)
security_groups = table_for(SecurityGroup)
security_group_rules = table_for(SecurityGroupRule)
agents = table_for(Agent, sa.UniqueConstraint("host", "role"))

# Who uses a segment: `key` is "vxlan::77", "vlan:physnet1:101", "flat:public:".
segment_claims = sa.Table("segment_claims", METADATA, _text("key", 128, key=True), _id("network_id", index=True))

ip_allocations = sa.Table(
    "ip_allocations",
    METADATA,
    _id("subnet_id", key=True),
    _text("ip_address", 45, key=True),
    _id("port_id", index=True),
    _id("network_id"),
    _number("position"),
)

# What of a subnet's pools is free, as runs that neither touch nor overlap.
ip_ranges = sa.Table("ip_ranges", METADATA, _id("subnet_id", key=True), _text("first", 32, key=True), _text("last", 32))

port_security_groups = sa.Table(
    "port_security_groups",
    METADATA,
    _id("port_id", key=True),
    sa.Column("security_group_id", sa.String(36), primary_key=True, index=True),
)

default_security_groups = sa.Table(
    "default_security_groups", METADATA, _text("project_id", key=True), _id("security_group_id")
)

# What a host serves: `role` "router" or "dhcp", `object_id` a router or a network.
assignments = sa.Table(
    "assignments",
    METADATA,
    _text("role", 16, key=True),
    _id("object_id", key=True),
    sa.Column("host", sa.String(255), primary_key=True, index=True),
)

hosts = sa.Table(
    "hosts",
    METADATA,
    _text("name", key=True),
    _text("tunnel_ip", 45),
    _text("datapath", 32),
    sa.Column("bridge_mappings", JsonText(dict[str, str]), nullable=False),
    _number("heartbeat"),
    _number("revision"),
    _number("drift"),
    _number("failed"),
)

quotas = sa.Table("quotas", METADATA, _text("project_id", key=True), _text("resource", 64, key=True), _number("limit"))

quota_usage = sa.Table(
    "quota_usage", METADATA, _text("project_id", key=True), _text("resource", 64, key=True), _number("used")
)

# The latest change of each object in each scope; a deleted one stays as a tombstone for a while.
changes = sa.Table(
    "changes",
    METADATA,
    _text("scope", 128, key=True),
    _text("kind", 32, key=True),
    _text("id", 80, key=True),
    _number("revision"),
    sa.Column("deleted", sa.Boolean, nullable=False),
    sa.Index("ix_changes_scope_revision", "scope", "revision"),
)

# Named numbers: "revision" is that of the newest change, "forgotten" that of the newest tombstone thrown away.
counters = sa.Table("counters", METADATA, _text("name", 64, key=True), _number("value"))

# What the host said of an object that it could not realise.
faults = sa.Table(
    "faults",
    METADATA,
    _text("host", key=True),
    _text("kind", 32, key=True),
    _text("id", 80, key=True),
    sa.Column("message", sa.Text, nullable=False),
    _text("since", 20),
)


# Identity: who there is, and which role a user has on what.

domains = table_for(Domain, sa.UniqueConstraint("name"))
projects = table_for(Project, sa.UniqueConstraint("domain_id", "name"))
users = table_for(User, sa.UniqueConstraint("domain_id", "name"))
roles = table_for(Role, sa.UniqueConstraint("name"))
application_credentials = table_for(ApplicationCredential, sa.UniqueConstraint("user_id", "name"))

# `kind` is "project", "domain" or "system"; `target_id` is empty for the system.
role_assignments = sa.Table(
    "role_assignments",
    METADATA,
    _text("user_id", 64, key=True),
    _text("kind", 16, key=True),
    _text("target_id", 64, key=True),
    _text("role_id", 64, key=True),
    sa.Index("ix_role_assignments_target_id", "target_id"),
)

# Tokens that were revoked one by one, until they would have expired (seconds since 1970).
revoked_tokens = sa.Table("revoked_tokens", METADATA, _text("audit_id", 64, key=True), _number("expires"))
