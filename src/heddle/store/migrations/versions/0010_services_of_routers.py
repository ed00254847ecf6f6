"""Conntrack helpers, NDP proxies, local IPs, metering"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def _text(name: str, length: int, nullable: bool = False) -> "sa.Column[str]":
    return sa.Column(name, sa.String(length=length), nullable=nullable)


def _standard() -> "list[sa.Column[Any]]":
    """What resources with the standard attributes have besides their id, project and description."""
    return [
        sa.Column("revision_number", sa.BigInteger(), nullable=False),
        _text("created_at", 20),
        _text("updated_at", 20),
        sa.Column("tags", sa.Text(), nullable=False),
        _text("name", 255),
    ]


_INDEXED = {
    "conntrack_helpers": ("project_id", "router_id"),
    "ndp_proxies": ("project_id", "router_id", "port_id"),
    "local_ips": ("project_id", "local_port_id"),
    "local_ip_associations": ("project_id", "fixed_port_id"),
    "metering_labels": ("project_id",),
    "metering_label_rules": ("project_id", "metering_label_id"),
}


def upgrade() -> None:
    op.create_table(
        "conntrack_helpers",
        _text("id", 36),
        _text("project_id", 255),
        _text("protocol", 64),
        sa.Column("port", sa.BigInteger(), nullable=False),
        _text("helper", 64),
        _text("router_id", 36),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conntrack_helpers")),
        sa.UniqueConstraint(
            "router_id",
            "protocol",
            "port",
            "helper",
            name=op.f("uq_conntrack_helpers_router_id_protocol_port_helper"),
        ),
    )
    op.create_table(
        "ndp_proxies",
        _text("id", 36),
        _text("project_id", 255),
        _text("description", 1024),
        *_standard(),
        _text("router_id", 36),
        _text("port_id", 36),
        _text("ip_address", 45, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ndp_proxies")),
    )
    op.create_table(
        "local_ips",
        _text("id", 36),
        _text("project_id", 255),
        _text("description", 1024),
        *_standard(),
        _text("local_port_id", 36),
        _text("network_id", 36),
        _text("local_ip_address", 45, nullable=True),
        _text("ip_mode", 64),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_local_ips")),
    )
    op.create_table(
        "local_ip_associations",
        _text("id", 36),
        _text("project_id", 255),
        _text("local_ip_id", 36),
        _text("local_ip_address", 45),
        _text("fixed_port_id", 36),
        _text("fixed_ip", 45, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_local_ip_associations")),
        sa.UniqueConstraint(
            "local_ip_id", "fixed_port_id", name=op.f("uq_local_ip_associations_local_ip_id_fixed_port_id")
        ),
    )
    op.create_table(
        "metering_labels",
        _text("id", 36),
        _text("project_id", 255),
        _text("name", 255),
        _text("description", 1024),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metering_labels")),
    )
    op.create_table(
        "metering_label_rules",
        _text("id", 36),
        _text("project_id", 255),
        _text("metering_label_id", 36),
        _text("direction", 64),
        sa.Column("excluded", sa.Boolean(), nullable=False),
        _text("remote_ip_prefix", 64, nullable=True),
        _text("source_ip_prefix", 64, nullable=True),
        _text("destination_ip_prefix", 64, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metering_label_rules")),
    )
    for table, names in _INDEXED.items():
        for name in names:
            op.create_index(op.f(f"ix_{table}_{name}"), table, [name])
    with op.batch_alter_table("routers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("enable_ndp_proxy", sa.Boolean(), nullable=True))
    routers = sa.table("routers", sa.column("enable_ndp_proxy", sa.Boolean()))
    op.execute(sa.update(routers).values(enable_ndp_proxy=False))


def downgrade() -> None:
    with op.batch_alter_table("routers", schema=None) as batch_op:
        batch_op.drop_column("enable_ndp_proxy")
    for table in reversed(_INDEXED):
        op.drop_table(table)
