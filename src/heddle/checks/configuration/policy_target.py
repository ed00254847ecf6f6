"""Every rule of the operator's policy file that decides something still does in the target.

A rule that the target does not have is one that it does not ask: what the operator allowed or refused by it is decided
by another rule's default then.
"""

from __future__ import annotations

from heddle.api.policy import Policy
from heddle.checks.base import CannotSee, Check, Finding, Level, failure, not_applicable, well
from heddle.checks.context import Context
from heddle.checks.target.coming import compared
from heddle.checks.target.description import Description
from heddle.errors import ConfigError


@compared
def check(context: Context, target: Description) -> list[Finding]:
    file = context.settings.identity.policy_file
    if not file:
        return [not_applicable("identity.policy_file is not set: the default rules are in force")]
    try:
        here = Policy(file)
    except ConfigError as error:
        raise CannotSee("the policy file cannot be read: configuration-policy says why") from error
    deciding = sorted(here.overrides.keys() - set(here.unused))
    lost = [name for name in deciding if name in here.names and name not in target.rules]
    found = [failure(f"{file}: {target.release} has no rule {name}", name) for name in lost]
    if target.policy_problem:
        found.append(failure(f"{target.release} does not take the policy file: {target.policy_problem}", file))
    return found or [well(f"{file}: {len(deciding)} rules, which {target.release} has too", ", ".join(deciding))]


CHECK = Check(
    id="configuration-policy-target",
    title="The target has the rules of the policy file",
    reads="identity.policy_file, and the target's policy rules",
    severity=Level.FAILURE,
    remedy="See with the target's `heddle policy list` which rule decides it then, and rewrite the policy file before "
    "the upgrade.",
    check=check,
    seconds=14,
    doctor=False,
)
