"""From a policy rule, as oslo.policy parses it, to a condition on objects.

A rule is a tree of checks that mixes two questions: who calls, and what does the object look like.  The
first has its answer once per request, so the tree is compiled into a function of the caller that answers
it and returns what is left to ask of the object, as a `Condition`.  That is what makes a list one SQL query
instead of an evaluation per object and attribute.

    role:reader and project_id:%(project_id)s or rule:shared

becomes, for a reader of project P, `project_id = P or shared`, for the others `shared`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from oslo_policy import _checks as checks
from oslo_policy import policy as oslo

from heddle.api.policy_fields import (
    Unreadable,
    access_of,
    compared_field,
    is_read,
    kept_in_table,
    resource_of,
    target_field,
)
from heddle.model.access import Access, targets_of
from heddle.model.caller import Caller
from heddle.model.predicate import ALWAYS, NEVER, Condition, Eq, Granted, Prefix, all_of, any_of, negate

Compiled = Callable[[Caller], Condition]

_TARGET = re.compile(r"%\(([^)]+)\)s")
_PLAIN_PREFIX = re.compile(r"\^([A-Za-z0-9:_/@ -]+)(?:\.\*)?")

CREDENTIALS: dict[str, Callable[[Caller], object]] = {
    "user_id": lambda caller: caller.user_id,
    "user_name": lambda caller: caller.user_name,
    "user_domain_id": lambda caller: caller.user_domain_id,
    "project_id": lambda caller: caller.project_id,
    "tenant_id": lambda caller: caller.project_id,
    "project_name": lambda caller: caller.project_name,
    "tenant_name": lambda caller: caller.project_name,
    "project_domain_id": lambda caller: caller.project_domain_id if caller.project_id else "",
    "domain_id": lambda caller: caller.domain_id,
    "token.domain.id": lambda caller: caller.domain_id,
    "token.project.id": lambda caller: caller.project_id,
    "token.user.id": lambda caller: caller.user_id,
    "system_scope": lambda caller: "all" if caller.system else "",
    "is_admin": lambda caller: caller.is_admin,
    "is_admin_project": lambda caller: True,
}


class FieldCheck(checks.Check):
    """`field:<collection>:<attribute>=<value>`, or `=~<pattern>`: what the object looks like."""

    def parts(self) -> tuple[str, str, str]:
        collection, colon, rest = self.match.partition(":")
        name, equals, value = rest.partition("=")
        if not colon or not equals or not name:
            raise Unreadable("a field check is field:<collection>:<attribute>=<value>")
        return collection, name, value

    def __call__(self, target: object, creds: object, enforcer: object, current_rule: str | None = None) -> bool:
        _, name, value = self.parts()
        found = target.get(name) if isinstance(target, Mapping) else None
        if value.startswith("~"):
            return re.match(value[1:], str(found)) is not None
        return found is not None and found == _literal(value)


oslo.register("field", FieldCheck)


@dataclass(frozen=True, slots=True)
class Compiler:
    """Compiles the rules of one policy; `trees` are all rules by name."""

    trees: Mapping[str, checks.BaseCheck]

    def compile(self, name: str) -> Compiled:
        """The rule as a function of the caller.  Raises `Unreadable`."""
        return self._node(self.trees[name], name, (name,))

    def _node(self, check: checks.BaseCheck, rule: str, path: tuple[str, ...]) -> Compiled:
        if isinstance(check, checks.TrueCheck):
            return lambda caller: ALWAYS
        if isinstance(check, checks.FalseCheck):
            return lambda caller: NEVER
        if isinstance(check, checks.NotCheck):
            inner = self._node(check.rule, rule, path)
            return lambda caller: negate(inner(caller))
        if isinstance(check, checks.AndCheck):
            parts = [self._node(part, rule, path) for part in check.rules]
            return lambda caller: all_of([part(caller) for part in parts])
        if isinstance(check, checks.OrCheck):
            parts = [self._node(part, rule, path) for part in check.rules]
            return lambda caller: any_of([part(caller) for part in parts])
        if isinstance(check, checks.RuleCheck):
            return self._reference(check.match, rule, path)
        if isinstance(check, checks.RoleCheck):
            return _role(check.match)
        if isinstance(check, FieldCheck):
            return _field(check, rule)
        if type(check) is checks.GenericCheck:
            return _generic(check, rule)
        raise Unreadable(f"the check {str(check)!r} is of a kind that is not supported")

    def _reference(self, name: str, rule: str, path: tuple[str, ...]) -> Compiled:
        if name not in self.trees:
            raise Unreadable(f"there is no rule {name!r}")
        if name in path:
            raise Unreadable(f"the rules refer to each other in a circle: {' -> '.join((*path, name))}")
        return self._node(self.trees[name], rule, (*path, name))


def _role(name: str) -> Compiled:
    if "%(" in name:
        raise Unreadable(f"the role in role:{name} must be a name")
    role = name.lower()
    return lambda caller: ALWAYS if role in caller.roles else NEVER


def _field(check: FieldCheck, rule: str) -> Compiled:
    collection, name, value = check.parts()
    field = _usable(rule, compared_field(resource_of(rule), collection, name))
    if not value.startswith("~"):
        return _equals(rule, field, _literal(value))
    prefix = _PLAIN_PREFIX.fullmatch(value[1:])
    if prefix is None:
        raise Unreadable(
            f"the pattern {value[1:]!r} is not supported: only ^ and the plain text that a value begins with"
        )
    return _constant(Prefix(_plain(rule, field), prefix.group(1)))


def _generic(check: checks.GenericCheck, rule: str) -> Compiled:
    target = _TARGET.fullmatch(check.match)
    if "%(" in check.match and target is None:
        raise Unreadable(f"{check.match!r} must be a single %(attribute)s, or plain text")
    field = _usable(rule, target_field(resource_of(rule), target.group(1))) if target else ""
    try:
        literal = ast.literal_eval(check.kind)
    except (ValueError, SyntaxError):
        return _credential(check.kind, _plain(rule, field) if field else "", check.match)
    if field:
        return _equals(rule, field, literal)
    return _constant(ALWAYS if str(literal) == check.match else NEVER)


def _credential(kind: str, field: str, text: str) -> Compiled:
    of = CREDENTIALS.get(kind)
    if of is None:
        raise Unreadable(f"a token says nothing of {kind!r}; it says: {', '.join(CREDENTIALS)}")

    def known(caller: Caller) -> Condition:
        value = of(caller)
        if value == "":
            return NEVER
        if field:
            return Eq(field, value)
        return ALWAYS if str(value) == text else NEVER

    return known


def _equals(rule: str, field: str, value: object) -> Compiled:
    access = access_of(resource_of(rule), field)
    if access is None:
        return _constant(Eq(field, value))
    if not isinstance(value, bool):
        return _constant(NEVER)
    return _granted(access, field, value)


def _granted(access: Access, field: str, wanted: bool) -> Compiled:
    """Whether RBAC entries let the caller's project use the object, or that they do not."""
    parent, dot, _ = field.rpartition(".")
    named = f"{parent}{dot}{access.callers}" if access.callers else field

    def known(caller: Caller) -> Condition:
        found = Granted(named, access.object_type, access.action, targets_of(caller.project_id))
        return found if wanted else negate(found)

    return known


def _usable(rule: str, field: str) -> str:
    if is_read(rule) and not kept_in_table(resource_of(rule), field):
        raise Unreadable(f"{field!r} is made up when an object is shown, so that lists cannot be filtered by it")
    return field


def _plain(rule: str, field: str) -> str:
    if access_of(resource_of(rule), field) is not None:
        raise Unreadable(f"{field!r} is true or false for each caller: compare it with one of these")
    return field


def _constant(condition: Condition) -> Compiled:
    return lambda caller: condition


def _literal(text: str) -> object:
    words: dict[str, object] = {"true": True, "false": False, "none": None}
    return words.get(text.lower(), text)
