"""The default rules, one file for each resource: the registry of all that can be permitted or refused."""

from __future__ import annotations

from oslo_policy.policy import RuleDefault

from heddle.api.policy_rules import (
    address_group,
    address_scope,
    common,
    conntrack_helper,
    flavor,
    floating_ip,
    identity,
    local_ip,
    log,
    metering,
    ndp_proxy,
    network,
    operation,
    port,
    port_forwarding,
    qos,
    rbac,
    router,
    security_group,
    segment,
    segment_range,
    subnet,
    subnet_pool,
    topology,
    trunk,
)

MODULES = (
    common,
    network,
    segment,
    segment_range,
    subnet,
    subnet_pool,
    address_scope,
    port,
    rbac,
    router,
    flavor,
    floating_ip,
    port_forwarding,
    conntrack_helper,
    ndp_proxy,
    local_ip,
    metering,
    security_group,
    address_group,
    trunk,
    log,
    topology,
    qos,
    operation,
    identity,
)


def defaults() -> dict[str, RuleDefault]:
    """All default rules by name."""
    found: dict[str, RuleDefault] = {}
    for module in MODULES:
        for rule in module.RULES:
            if rule.name in found:
                raise ValueError(f"the policy rule {rule.name} is declared twice")
            found[rule.name] = rule
    return found
