"""QoS policies, their rules, and which policy new networks of a project get."""

from __future__ import annotations

import sqlalchemy as sa

from heddle.model.qos import (
    BandwidthLimitRule,
    DscpMarkingRule,
    MinimumBandwidthRule,
    MinimumPacketRateRule,
    PacketRateLimitRule,
    QosPolicy,
)
from heddle.store.tables.kit import METADATA, id_column, table_for, text_column


def _one_a_direction() -> sa.UniqueConstraint:
    return sa.UniqueConstraint("qos_policy_id", "direction")


qos_policies = table_for(QosPolicy, name="qos_policies")
qos_bandwidth_limit_rules = table_for(BandwidthLimitRule, _one_a_direction(), name="qos_bandwidth_limit_rules")
qos_dscp_marking_rules = table_for(DscpMarkingRule, sa.UniqueConstraint("qos_policy_id"), name="qos_dscp_marking_rules")
qos_minimum_bandwidth_rules = table_for(MinimumBandwidthRule, _one_a_direction(), name="qos_minimum_bandwidth_rules")
qos_packet_rate_limit_rules = table_for(PacketRateLimitRule, _one_a_direction(), name="qos_packet_rate_limit_rules")
qos_minimum_packet_rate_rules = table_for(
    MinimumPacketRateRule, _one_a_direction(), name="qos_minimum_packet_rate_rules"
)

default_qos_policies = sa.Table(
    "default_qos_policies", METADATA, text_column("project_id", key=True), id_column("qos_policy_id", index=True)
)
