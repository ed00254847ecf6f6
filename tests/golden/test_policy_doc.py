"""The list of policy rules in the documentation is that of the program."""

from __future__ import annotations

from tests.golden.helper import check_golden

from heddle.api.policy_rules import defaults
from heddle.model.qos import QosPolicy, QosRule
from heddle.model.registry import MODELS

HEAD = """\
# Policy: who may do what

Each request is decided by rules.  The defaults below follow the roles of the Networking API: a project's `reader` sees
what belongs to the project, its `member` also changes it, `manager` includes `member`, and `admin` does everything
in the cloud.  A token without a project or a role may do nothing but look at itself.

An own file overrides rules by name; the settings name it, and the server reads it when it starts:

    [identity]
    policy_file = "/etc/heddle/policy.yaml"

It is written as oslo.policy files are, for example:

    # readers of any project may look at the agents
    "get_agent": "rule:admin_only or role:reader"
    # only the administrator shares addresses between ports
    "create_port:allowed_address_pairs": "rule:admin_only"
    "update_port:allowed_address_pairs": "rule:admin_only"

What a check can be: `role:<name>`, `rule:<name>`, `<credential>:%(<attribute>)s`, `<credential>:<value>`,
`<literal>:%(<attribute>)s`, `field:<collection>:<attribute>=<value>`, `field:<collection>:<attribute>=~^<beginning>`,
`@` (everybody), `!` (nobody), joined by `and`, `or`, `not` and parentheses.  Credentials are `user_id`, `project_id`,
`domain_id`, `user_domain_id`, `project_domain_id`, `user_name`, `project_name`, `system_scope` (`all`) and `is_admin`
(`True`).  An attribute of the network of a port or subnet is `%(network:project_id)s`, one of the group of a rule
`%(security_group:project_id)s`.

`heddle policy list` prints the rules in force in this form, with what each is for and which of them the file overrides
(`--changed`: these alone; `--json`); `heddle policy check FILE` says whether the server would take a file, and names
rules in it that decide nothing.

A rule that cannot be understood, names an attribute that there is not, or calls another server stops the start with the
name of the file and the rule: it would otherwise let through, or refuse, what it should not.

A rule for an attribute (`create_port:mac_address`) is asked only when a request gives the attribute, on creation only
with another value than the default; one of `get_` hides the attribute from those whom it does not allow.
What a caller may not see is answered with 404, what they see and may not do with 403.
"""


def _table(names: list[str]) -> str:
    rules = defaults()
    lines = ["| rule | default | what |", "|---|---|---|"]
    for name in names:
        check = rules[name].check_str.replace("|", "\\|") or "@"
        lines.append(f"| `{name}` | `{check}` | {rules[name].description} |")
    return "\n".join(lines)


def _section(name: str) -> str:
    if name.startswith("identity:"):
        return "Identity"
    for model in (name.removeprefix(verb) for verb in ("create_", "get_", "update_", "delete_")):
        base = model.partition(":")[0].removesuffix("_tags")
        for member, declared in MODELS.items():
            if base in (member, declared.collection):
                if issubclass(declared, QosPolicy | QosRule):
                    return "QoS"
                return member.replace("_", " ").capitalize() + "s"
    if "rule_type" in name:
        return "QoS"
    if "router_interface" in name or "extraroutes" in name:
        return "Routers"
    return "Operation" if name.startswith(("create_", "get_", "update_", "delete_")) else "Building blocks"


def test_the_list_of_rules() -> None:
    sections: dict[str, list[str]] = {}
    for name in defaults():
        sections.setdefault(_section(name), []).append(name)
    parts = [f"## {title}\n\n{_table(names)}\n" for title, names in sections.items()]
    check_golden("../../docs/policy.md", HEAD + "\n" + "\n".join(parts))
