"""Segments in a table of their own"""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

PROVIDER = (
    ("provider_network_type", sa.String(32)),
    ("provider_physical_network", sa.String(64)),
    ("provider_segmentation_id", sa.BigInteger()),
)


def upgrade() -> None:
    op.create_table(
        "networksegments",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("description", sa.String(255), nullable=False),
        sa.Column("revision_number", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.String(20), nullable=False),
        sa.Column("updated_at", sa.String(20), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("name", sa.String(255), nullable=True),
        sa.Column("network_id", sa.String(36), nullable=False),
        sa.Column("network_type", sa.String(32), nullable=False),
        sa.Column("physical_network", sa.String(64), nullable=True),
        sa.Column("segmentation_id", sa.BigInteger(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_networksegments")),
    )
    op.create_index(op.f("ix_networksegments_network_id"), "networksegments", ["network_id"])
    _each_network_has_its_segment()
    with op.batch_alter_table("networks", schema=None) as batch_op:
        for name, _ in PROVIDER:
            batch_op.drop_column(name)
    with op.batch_alter_table("subnets", schema=None) as batch_op:
        batch_op.add_column(sa.Column("segment_id", sa.String(36), nullable=True))
        batch_op.create_index(batch_op.f("ix_subnets_segment_id"), ["segment_id"])


def downgrade() -> None:
    with op.batch_alter_table("subnets", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_subnets_segment_id"))
        batch_op.drop_column("segment_id")
    with op.batch_alter_table("networks", schema=None) as batch_op:
        for name, kind in PROVIDER:
            batch_op.add_column(sa.Column(name, kind, nullable=True))
    _each_segment_is_its_networks()
    with op.batch_alter_table("networks", schema=None) as batch_op:
        batch_op.alter_column("provider_network_type", existing_type=sa.String(32), nullable=False)
    op.drop_index(op.f("ix_networksegments_network_id"), "networksegments")
    op.drop_table("networksegments")


NETWORKS = sa.table(
    "networks",
    *(sa.column(name) for name in ("id", "created_at", *(name for name, _ in PROVIDER))),
)
SEGMENTS = sa.table(
    "networksegments",
    *(
        sa.column(name)
        for name in (
            "id", "description", "revision_number", "created_at", "updated_at", "tags", "name", "network_id",
            "network_type", "physical_network", "segmentation_id", "position",
        )
    ),
)  # fmt: skip


def _each_network_has_its_segment() -> None:
    conn = op.get_bind()
    for id, created, kind, physical, number in conn.execute(sa.select(NETWORKS)).all():
        row = {
            "id": str(uuid.uuid4()), "description": "", "revision_number": 1, "created_at": created,
            "updated_at": created, "tags": "[]", "name": None, "network_id": id, "network_type": kind,
            "physical_network": physical, "segmentation_id": number, "position": 0,
        }  # fmt: skip
        conn.execute(sa.insert(SEGMENTS).values(row))


def _each_segment_is_its_networks() -> None:
    """The first segment of a network; one without any becomes local."""
    conn, n, s = op.get_bind(), NETWORKS.c, SEGMENTS.c
    conn.execute(sa.update(NETWORKS).values(provider_network_type="local"))
    for segment in conn.execute(sa.select(SEGMENTS).order_by(s.position.desc())).all():
        conn.execute(
            sa.update(NETWORKS)
            .where(n.id == segment.network_id)
            .values(
                provider_network_type=segment.network_type,
                provider_physical_network=segment.physical_network,
                provider_segmentation_id=segment.segmentation_id,
            )
        )
