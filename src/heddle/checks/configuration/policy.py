"""The operator's policy file is one that the server takes, and each of its rules decides something."""

from __future__ import annotations

from heddle.api.policy import Policy
from heddle.checks.base import Check, Finding, Level, failure, not_applicable, warning, well
from heddle.checks.context import Context
from heddle.errors import ConfigError


def check(context: Context) -> Finding:
    file = context.settings.identity.policy_file
    if not file:
        return not_applicable("identity.policy_file is not set: the default rules are in force")
    try:
        policy = Policy(file)
    except ConfigError as error:
        return failure(str(error), evidence=file)
    if policy.unused:
        return warning(f"{file}: rules that decide nothing: {', '.join(policy.unused)}", evidence=file)
    return well(f"{file}: {len(policy.overrides)} rules, all of them understood", evidence=file)


CHECK = Check(
    id="configuration-policy",
    title="The policy file is understood",
    reads="identity.policy_file",
    severity=Level.FAILURE,
    remedy="`heddle policy check` tells each rule; `heddle policy list` prints those that there are.",
    check=check,
    openstack="OpenStack's rules are read by its own oslopolicy-validator",
)
