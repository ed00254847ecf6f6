"""What new security groups begin with: templates of their rules, and whether they are stateful"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

# What groups began with before there were templates: (id, direction, ethertype, remote, of the default groups alone).
FIRST = (
    ("9c4d2c1e-55a0-4a55-8f3e-1d1a7b9b0a01", "egress", "IPv4", None, False),
    ("9c4d2c1e-55a0-4a55-8f3e-1d1a7b9b0a02", "egress", "IPv6", None, False),
    ("9c4d2c1e-55a0-4a55-8f3e-1d1a7b9b0a03", "ingress", "IPv4", "PARENT", True),
    ("9c4d2c1e-55a0-4a55-8f3e-1d1a7b9b0a04", "ingress", "IPv6", "PARENT", True),
)
REMOTES = ("remote_group_id", "remote_address_group_id")


def upgrade() -> None:
    rules = op.create_table(
        "default_security_group_rules",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("direction", sa.String(64), nullable=False),
        sa.Column("ethertype", sa.String(64), nullable=False),
        sa.Column("protocol", sa.String(40), nullable=True),
        sa.Column("port_range_min", sa.BigInteger(), nullable=True),
        sa.Column("port_range_max", sa.BigInteger(), nullable=True),
        sa.Column("remote_ip_prefix", sa.String(64), nullable=True),
        sa.Column("remote_group_id", sa.String(36), nullable=True),
        sa.Column("remote_address_group_id", sa.String(36), nullable=True),
        sa.Column("description", sa.String(255), nullable=False),
        sa.Column("used_in_default_sg", sa.Boolean(), nullable=False),
        sa.Column("used_in_non_default_sg", sa.Boolean(), nullable=False),
        sa.Column("default_key", sa.String(255), nullable=True),
        sa.Column("custom_key", sa.String(255), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_default_security_group_rules")),
        sa.UniqueConstraint("default_key", name=op.f("uq_default_security_group_rules_default_key")),
        sa.UniqueConstraint("custom_key", name=op.f("uq_default_security_group_rules_custom_key")),
    )
    for name in REMOTES:
        op.create_index(op.f(f"ix_default_security_group_rules_{name}"), "default_security_group_rules", [name])
    op.bulk_insert(rules, [_template(*first) for first in FIRST])
    op.create_table(
        "security_groups_default_statefulness",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("project_id", sa.String(255), nullable=True),
        sa.Column("stateful", sa.Boolean(), nullable=False),
        sa.Column("place", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_security_groups_default_statefulness")),
        sa.UniqueConstraint("place", name=op.f("uq_security_groups_default_statefulness_place")),
    )


def _template(id: str, direction: str, ethertype: str, remote: str | None, only: bool) -> dict[str, object]:
    said = f"{direction} {ethertype} None None None None {remote} None"
    return {
        "id": id, "direction": direction, "ethertype": ethertype, "remote_group_id": remote,
        "description": f"Legacy default SG rule for {direction} traffic",
        "used_in_default_sg": True, "default_key": said,
        "used_in_non_default_sg": not only, "custom_key": None if only else said,
    }  # fmt: skip


def downgrade() -> None:
    op.drop_table("security_groups_default_statefulness")
    for name in REMOTES:
        op.drop_index(op.f(f"ix_default_security_group_rules_{name}"), "default_security_group_rules")
    op.drop_table("default_security_group_rules")
