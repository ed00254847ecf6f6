"""`heddle policy`: the rules in force, and whether a policy file is one that the server takes.

`list` prints a policy file: each rule with its description, as the settings' own file overrides it, so that a rule can
be copied from there and changed.
"""

from __future__ import annotations

import argparse
import difflib
import json
from typing import TYPE_CHECKING

from heddle.config import Settings
from heddle.errors import HeddleError

if TYPE_CHECKING:
    from heddle.api.policy import Policy

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def register(commands: Subparsers) -> None:
    policy = commands.add_parser("policy", help="the rules of who may do what")
    what = policy.add_subparsers(dest="action", metavar="ACTION", required=True)
    rules = what.add_parser("list", help="print the rules in force, with what each is for, as a policy file")
    rules.add_argument("match", nargs="?", default="", help="only those whose name contains this")
    rules.add_argument("--changed", action="store_true", help="only those that the policy file overrides")
    rules.add_argument("--json", action="store_true", help="as JSON")
    check = what.add_parser("check", help="say whether the server would take a policy file; exit 1 or 78 if not")
    check.add_argument("file", nargs="?", default="", help="default: identity.policy_file of the settings")


def run(args: argparse.Namespace, settings: Settings) -> int:
    actions = {"list": _list, "check": _check}
    return actions[args.action](args, settings)


def _list(args: argparse.Namespace, settings: Settings) -> int:
    from heddle.api.policy import Policy

    file = settings.identity.policy_file
    rules = [
        rule
        for rule in _rules(Policy(file))
        if args.match in str(rule["name"]) and (rule["overridden"] or not args.changed)
    ]
    if args.json:
        print(json.dumps(rules, indent=2))
        return 0
    for rule in rules:
        print(f"# {rule['description']}")
        if rule["overridden"]:
            print(f"# overridden by {file}; the default is {json.dumps(rule['default'])}")
        print(f"{json.dumps(rule['name'])}: {json.dumps(rule['check'])}\n")
    return 0


def _rules(policy: Policy) -> list[dict[str, object]]:
    from heddle.api.policy_rules import defaults

    return [
        {
            "name": name,
            "description": rule.description,
            "check": policy.texts[name],
            "default": rule.check_str,
            "overridden": name in policy.overrides,
        }
        for name, rule in defaults().items()
    ]


def _check(args: argparse.Namespace, settings: Settings) -> int:
    from heddle.api.policy import Policy

    file = args.file or settings.identity.policy_file
    if not file:
        raise HeddleError("there is no policy file to check: name one, or set identity.policy_file")
    policy = Policy(file)
    for name in policy.unused:
        close = difflib.get_close_matches(name, policy.names, 1)
        print(f"{file}: rule {name!r} decides nothing here" + (f": is {close[0]!r} meant?" if close else ""))
    if policy.unused:
        return 1
    count = len(policy.overrides)
    print(f"{file}: {count} {'rule' if count == 1 else 'rules'}, all of them understood.")
    return 0
