"""Whether a rule fits beside the other rules of its QoS policy: pure."""

from __future__ import annotations

from collections.abc import Iterable

from heddle.errors import Conflict
from heddle.model import qos
from heddle.model.qos import ANY, QosRule


def check(rule: QosRule, others: Iterable[QosRule]) -> None:
    """Raises `Conflict`.

    A policy has one rule of each type and direction; a minimum packet rate is either for both directions together or
    for single ones; and no minimum is above the limit of the same direction.
    """
    for other in others:
        if other.id == rule.id:
            continue
        if other.kind == rule.kind:
            _check_same_kind(rule, other)
        elif _direction(other) == _direction(rule):
            _check_limits(rule, other)


def _check_same_kind(rule: QosRule, other: QosRule) -> None:
    mine, theirs = _direction(rule), _direction(other)
    if mine == theirs:
        raise Conflict(
            "QoSRulesConflict",
            f"Rule {rule.kind} conflicts with rule {other.id} which already exists in QoS Policy "
            f"{rule.qos_policy_id}.",
        )
    if ANY in (mine, theirs):
        raise _parameters(rule, mine, other, theirs)


def _check_limits(rule: QosRule, other: QosRule) -> None:
    for low, high in ((rule, other), (other, rule)):
        match low, high:
            case qos.MinimumBandwidthRule(min_kbps=least), qos.BandwidthLimitRule(max_kbps=most):
                pass
            case qos.MinimumPacketRateRule(min_kpps=least), qos.PacketRateLimitRule(max_kpps=most):
                pass
            case _:
                continue
        if least > most:
            given, existing = (least, most) if low is rule else (most, least)
            raise _parameters(rule, given, other, existing)


def _parameters(rule: QosRule, value: object, other: QosRule, existing: object) -> Conflict:
    return Conflict(
        "QoSRuleParameterConflict",
        f"Unable to add the rule with value {value} to the policy {rule.qos_policy_id} as the existing rule of type "
        f"{other.kind} has value {existing}.",
    )


def _direction(rule: QosRule) -> str:
    """What the rule is about of the traffic; "" for one that has no direction."""
    return str(getattr(rule, "direction", ""))
