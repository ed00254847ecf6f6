"""QoS policies and their rules: how much traffic of a port is let through, guaranteed, and how it is marked.

A policy is used by ports, networks (for their ports without one of their own), floating IPs and gateways of routers
(Networking API v2.0, QoS).  Rates are in kilobits or thousands of packets a second, bursts in kilobits or thousands of
packets; `direction` is that of the traffic as its guest sees it.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from heddle.model.access import QOS_POLICY_SHARED
from heddle.model.fields import Bool, FieldType, Int, Json, OneOf, Text, Uuid
from heddle.model.resource import REQUIRED, Field, Named, Resource, fields_of

EGRESS, INGRESS, ANY = "egress", "ingress", "any"
# The code points that a rule may set: class selectors, assured and expedited forwarding (RFC 2474, 2597, 3246, 5865).
DSCP_MARKS = (0, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 44, 46, 48, 56)

_AMOUNT = Field(Int(), create=True, update=True, default=REQUIRED, filter=True, sort=True)
_BURST = Field(Int(), create=True, update=True, default=0, filter=True, sort=True)
_DIRECTION = Field(OneOf(INGRESS, EGRESS), create=True, update=True, default=EGRESS, filter=True, sort=True)
_ANY_DIRECTION = Field(OneOf(INGRESS, EGRESS, ANY), create=True, update=True, default=EGRESS, filter=True, sort=True)


class QosPolicy(Named, kw_only=True):
    """`is_default`: the policy of the project's new networks.  `rules` are as the API shows them."""

    member: ClassVar[str] = "policy"
    collection: ClassVar[str] = "policies"
    title: ClassVar[str] = "QosPolicy"

    shared: Annotated[
        bool, Field(Bool(), create=True, update=True, default=False, filter=True, access=QOS_POLICY_SHARED)
    ] = False
    is_default: Annotated[bool, Field(Bool(), create=True, update=True, default=False, filter=True)] = False
    rules: Annotated[
        list[dict[str, Any]], Field(Json(list, {"type": "array", "items": {"type": "object"}}), stored=False)
    ] = []


class QosRule(Resource, kw_only=True):
    """What all rules have: `kind` is the rule's type; the project is that of the policy."""

    title: ClassVar[str] = "QosRule"
    parent: ClassVar[str] = "policy"
    kind: ClassVar[str] = ""

    project_id: Annotated[str, Field(Text(255), visible=False)] = ""
    qos_policy_id: Annotated[str, Field(Uuid(), visible=False)] = ""

    def shown(self) -> dict[str, Any]:
        """The rule as it is told within its policy."""
        told = {field.api: getattr(self, field.name) for field in fields_of(type(self)).values() if field.visible}
        return {**told, "qos_policy_id": self.qos_policy_id, "type": self.kind}


class BandwidthLimitRule(QosRule, kw_only=True):
    """A burst of 0 lets the data plane choose."""

    member: ClassVar[str] = "bandwidth_limit_rule"
    collection: ClassVar[str] = "bandwidth_limit_rules"
    subject: ClassVar[str] = "policy_bandwidth_limit_rule"
    kind: ClassVar[str] = "bandwidth_limit"

    max_kbps: Annotated[int, _AMOUNT] = 0
    max_burst_kbps: Annotated[int, _BURST] = 0
    direction: Annotated[str, _DIRECTION] = EGRESS


class DscpMarkingRule(QosRule, kw_only=True):
    member: ClassVar[str] = "dscp_marking_rule"
    collection: ClassVar[str] = "dscp_marking_rules"
    subject: ClassVar[str] = "policy_dscp_marking_rule"
    kind: ClassVar[str] = "dscp_marking"

    dscp_mark: Annotated[
        int, Field(OneOf(*DSCP_MARKS), create=True, update=True, default=REQUIRED, filter=True, sort=True)
    ] = 0


class MinimumBandwidthRule(QosRule, kw_only=True):
    member: ClassVar[str] = "minimum_bandwidth_rule"
    collection: ClassVar[str] = "minimum_bandwidth_rules"
    subject: ClassVar[str] = "policy_minimum_bandwidth_rule"
    kind: ClassVar[str] = "minimum_bandwidth"

    min_kbps: Annotated[int, _AMOUNT] = 0
    direction: Annotated[str, _DIRECTION] = EGRESS


class PacketRateLimitRule(QosRule, kw_only=True):
    member: ClassVar[str] = "packet_rate_limit_rule"
    collection: ClassVar[str] = "packet_rate_limit_rules"
    subject: ClassVar[str] = "policy_packet_rate_limit_rule"
    kind: ClassVar[str] = "packet_rate_limit"

    max_kpps: Annotated[int, _AMOUNT] = 0
    max_burst_kpps: Annotated[int, _BURST] = 0
    direction: Annotated[str, _DIRECTION] = EGRESS


class MinimumPacketRateRule(QosRule, kw_only=True):
    """`any` is the rate of both directions together."""

    member: ClassVar[str] = "minimum_packet_rate_rule"
    collection: ClassVar[str] = "minimum_packet_rate_rules"
    subject: ClassVar[str] = "policy_minimum_packet_rate_rule"
    kind: ClassVar[str] = "minimum_packet_rate"

    min_kpps: Annotated[int, _AMOUNT] = 0
    direction: Annotated[str, _ANY_DIRECTION] = EGRESS


# The same rules, found without their policy.


class AliasBandwidthLimitRule(BandwidthLimitRule, kw_only=True):
    member: ClassVar[str] = "alias_bandwidth_limit_rule"
    collection: ClassVar[str] = "alias_bandwidth_limit_rules"
    subject: ClassVar[str] = "alias_bandwidth_limit_rule"

    project_id: Annotated[str, Field(Text(255))] = ""


class AliasDscpMarkingRule(DscpMarkingRule, kw_only=True):
    member: ClassVar[str] = "alias_dscp_marking_rule"
    collection: ClassVar[str] = "alias_dscp_marking_rules"
    subject: ClassVar[str] = "alias_dscp_marking_rule"

    project_id: Annotated[str, Field(Text(255))] = ""


class AliasMinimumBandwidthRule(MinimumBandwidthRule, kw_only=True):
    member: ClassVar[str] = "alias_minimum_bandwidth_rule"
    collection: ClassVar[str] = "alias_minimum_bandwidth_rules"
    subject: ClassVar[str] = "alias_minimum_bandwidth_rule"

    project_id: Annotated[str, Field(Text(255))] = ""


class AliasMinimumPacketRateRule(MinimumPacketRateRule, kw_only=True):
    member: ClassVar[str] = "alias_minimum_packet_rate_rule"
    collection: ClassVar[str] = "alias_minimum_packet_rate_rules"
    subject: ClassVar[str] = "alias_minimum_packet_rate_rule"


RULE_TYPES: tuple[type[QosRule], ...] = (
    BandwidthLimitRule, DscpMarkingRule, MinimumBandwidthRule, PacketRateLimitRule, MinimumPacketRateRule,
)  # fmt: skip
# What a host must have free for a port.
MINIMA: tuple[type[QosRule], ...] = (MinimumBandwidthRule, MinimumPacketRateRule)
ALIASES: tuple[type[QosRule], ...] = (
    AliasBandwidthLimitRule, AliasDscpMarkingRule, AliasMinimumBandwidthRule, AliasMinimumPacketRateRule,
)  # fmt: skip


def parameters(model: type[QosRule]) -> list[dict[str, Any]]:
    """What the attributes of a type of rule can be, as the details of rule types tell it."""
    return [
        {"parameter_name": field.api, **_values(field.type)} for field in fields_of(model).values() if field.create
    ]


def _values(kind: FieldType) -> dict[str, Any]:
    if isinstance(kind, Int):
        return {"parameter_type": "range", "parameter_values": {"start": kind.low, "end": kind.high}}
    assert isinstance(kind, OneOf)
    return {"parameter_type": "choices", "parameter_values": list(kind.values)}
