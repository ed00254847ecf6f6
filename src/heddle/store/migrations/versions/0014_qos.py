"""QoS policies and their rules, and what uses a policy"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

USERS = ("networks", "ports", "floatingips", "routers")
ONE_WAY = (
    ("qos_bandwidth_limit_rules", ("max_kbps", "max_burst_kbps")),
    ("qos_minimum_bandwidth_rules", ("min_kbps",)),
    ("qos_packet_rate_limit_rules", ("max_kpps", "max_burst_kpps")),
    ("qos_minimum_packet_rate_rules", ("min_kpps",)),
)


def _rules(table: str, *more: sa.schema.SchemaItem) -> None:
    op.create_table(
        table,
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("project_id", sa.String(255), nullable=False),
        sa.Column("qos_policy_id", sa.String(36), nullable=False),
        *more,
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _policies() -> None:
    op.create_table(
        "qos_policies",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("project_id", sa.String(255), nullable=False),
        sa.Column("description", sa.String(255), nullable=False),
        _number("revision_number"),
        sa.Column("created_at", sa.String(20), nullable=False),
        sa.Column("updated_at", sa.String(20), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_qos_policies")),
    )
    op.create_index(op.f("ix_qos_policies_project_id"), "qos_policies", ["project_id"])
    op.create_index(op.f("ix_qos_policies_shared"), "qos_policies", ["shared"])
    op.create_table(
        "default_qos_policies",
        sa.Column("project_id", sa.String(255), nullable=False),
        sa.Column("qos_policy_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_default_qos_policies")),
    )
    op.create_index(op.f("ix_default_qos_policies_qos_policy_id"), "default_qos_policies", ["qos_policy_id"])


def upgrade() -> None:
    _policies()
    for table, numbers in ONE_WAY:
        unique = sa.UniqueConstraint("qos_policy_id", "direction", name=op.f(f"uq_{table}_qos_policy_id_direction"))
        _rules(table, *map(_number, numbers), sa.Column("direction", sa.String(64), nullable=False), unique)
    only = sa.UniqueConstraint("qos_policy_id", name=op.f("uq_qos_dscp_marking_rules_qos_policy_id"))
    _rules("qos_dscp_marking_rules", _number("dscp_mark"), only)
    for table in USERS:
        with op.batch_alter_table(table) as batch_op:
            batch_op.add_column(sa.Column("qos_policy_id", sa.String(36), nullable=True))
            batch_op.create_index(batch_op.f(f"ix_{table}_qos_policy_id"), ["qos_policy_id"])


def downgrade() -> None:
    for table in USERS:
        with op.batch_alter_table(table) as batch_op:
            batch_op.drop_index(batch_op.f(f"ix_{table}_qos_policy_id"))
            batch_op.drop_column("qos_policy_id")
    for table in ("qos_dscp_marking_rules", *(name for name, _ in ONE_WAY), "default_qos_policies", "qos_policies"):
        op.drop_table(table)
