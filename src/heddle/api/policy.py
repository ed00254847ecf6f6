"""Who may do what: the rules, with the operator's overrides, compiled when the server starts.

The defaults are in `policy_rules/`; a `policy.yaml` of the settings overrides them by name, in the
language of oslo.policy.  Every rule is compiled at the start, so that one that cannot be understood stops
the program with its name and text and never lets a request through, or refuses it, by mistake.

`condition(rule, caller)` is what the rule still asks of an object once the caller is known; `allows`
decides it for one object.  Both come from the same compiled rule and so cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from oslo_policy import _checks as checks
from oslo_policy.policy import RuleDefault, parse_file_contents

from heddle.api.policy_compile import Compiled, Compiler
from heddle.api.policy_fields import Unreadable
from heddle.api.policy_rules import defaults
from heddle.errors import ConfigError, Forbidden
from heddle.model.caller import Caller
from heddle.model.predicate import ALWAYS, Always, Condition, Never, holds
from heddle.model.resource import FieldInfo, Resource, fields_of, subject_of

REMEMBERED = 8192

Fields = tuple[tuple[FieldInfo, ...], tuple[tuple[FieldInfo, Condition], ...]]


class Policy:
    """`policy_file`: the operator's overrides, "" for none.  Raises `ConfigError`.

    `texts` are the rules in force by name; `overrides` those of the file; `unused` are names of the file that are of no
    rule and of no part of one.
    """

    def __init__(self, policy_file: str = "") -> None:
        rules = defaults()
        self.names = frozenset(rules)
        overrides = self.overrides = _read(policy_file) if policy_file else {}
        trees: dict[str, checks.BaseCheck] = {name: rule.check for name, rule in rules.items()}
        for name, text in overrides.items():
            trees[name] = _parse(policy_file, name, text)
        named = {word.strip("()") for text in overrides.values() for word in text.split()}
        self.unused = sorted(name for name in overrides if name not in rules and f"rule:{name}" not in named)
        self.texts = {name: overrides.get(name, rule.check_str) for name, rule in rules.items()}
        self._rules = self._compile(trees, policy_file, overrides)
        self._conditions: dict[tuple[str, Caller], Condition] = {}
        self._fields: dict[tuple[Caller, type[Resource]], Fields] = {}

    def _compile(self, trees: dict[str, checks.BaseCheck], file: str, overrides: dict[str, str]) -> dict[str, Compiled]:
        compiler = Compiler(trees)
        compiled = {}
        for name in sorted(self.names):
            try:
                compiled[name] = compiler.compile(name)
            except Unreadable as reason:
                text = overrides.get(name, self.texts[name])
                where = f"policy file {file}, " if file else ""
                raise ConfigError(f"{where}rule {name!r}: {text!r}: {reason}") from None
        return compiled

    def require(self, names: Iterable[str]) -> None:
        """Raises `KeyError` when there is no rule of one of the names: a mistake in the program."""
        unknown = sorted(set(names) - self.names)
        if unknown:
            raise KeyError(f"no such policy rules: {', '.join(unknown)}")

    def condition(self, rule: str, caller: Caller) -> Condition:
        """What the rule asks of an object, for this caller."""
        key = (rule, caller)
        found = self._conditions.get(key)
        if found is None:
            found = self._rules[rule](caller)
            if len(self._conditions) >= REMEMBERED:
                self._conditions.clear()
            self._conditions[key] = found
        return found

    def fields(self, model: type[Resource], caller: Caller) -> Fields:
        """The attributes of a resource that the caller sees always, and those on some objects only, with which."""
        key = (caller, model)
        found = self._fields.get(key)
        if found is None:
            if len(self._fields) >= REMEMBERED:
                self._fields.clear()
            found = self._fields[key] = self._sort_out(model, caller)
        return found

    def _sort_out(self, model: type[Resource], caller: Caller) -> Fields:
        always, sometimes = [], []
        for field in fields_of(model).values():
            if not field.visible:
                continue
            guarded = "read" in field.guard
            condition = self.condition(f"get_{subject_of(model)}:{field.api}", caller) if guarded else ALWAYS
            if isinstance(condition, Always):
                always.append(field)
            elif not isinstance(condition, Never):
                sometimes.append((field, condition))
        return tuple(always), tuple(sometimes)

    def allows(self, rule: str, caller: Caller, value_of: Callable[[str], object]) -> bool:
        """Whether the rule lets the caller do it to the object whose fields `value_of` gives."""
        return holds(self.condition(rule, caller), value_of)

    def enforce(self, rule: str, caller: Caller, value_of: Callable[[str], object]) -> None:
        """Raises `Forbidden` when the rule does not allow it."""
        if not self.allows(rule, caller, value_of):
            raise refusal(rule)


def refusal(*rules: str) -> Forbidden:
    """The answer to what the rules do not allow."""
    text = " and ".join(f"rule:{rule}" for rule in rules)
    return Forbidden("PolicyNotAuthorized", f"{text if len(rules) == 1 else f'({text})'} is disallowed by policy")


def _read(file: str) -> dict[str, str]:
    try:
        contents = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"policy file {file}: cannot be read: {error}") from error
    try:
        rules = parse_file_contents(contents)
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"policy file {file}: is neither YAML nor JSON: {reason}") from error
    if not isinstance(rules, dict):
        raise ConfigError(f"policy file {file}: must map names of rules to checks")
    for name, text in rules.items():
        if not isinstance(name, str) or not isinstance(text, str):
            raise ConfigError(f"policy file {file}, rule {name!r}: must be text in quotes, not {text!r}")
    return dict(rules)


def _parse(file: str, name: str, text: str) -> checks.BaseCheck:
    """Parse a rule; what the parser does not understand it turns into a refusal, which must not pass unseen."""
    tree = RuleDefault(name, text).check
    refusals = sum(word.strip("()") == "!" for word in text.split())
    if _refusals(tree) != refusals:
        raise ConfigError(f"policy file {file}, rule {name!r}: {text!r} cannot be understood as a policy rule")
    return tree


def _refusals(tree: checks.BaseCheck) -> int:
    if isinstance(tree, checks.AndCheck | checks.OrCheck):
        return sum(_refusals(part) for part in tree.rules)
    if isinstance(tree, checks.NotCheck):
        return _refusals(tree.rule)
    return int(isinstance(tree, checks.FalseCheck))
