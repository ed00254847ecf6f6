"""What a caller may do with one kind of resource: see, create, change, delete, and which attributes.

For a list the rules are one condition, which the database decides, and one set of attributes; for a
change they are decided on the object in memory.  An attribute with a rule of its own (`guard` of its
field) needs that right when a request gives it, on creation only with another value than the default.
Parts of a structured attribute may have rules too: `create_port:fixed_ips:ip_address`.

A field of a parent, as in "the project of the port's network", is asked of `lookup(parent)`, which gives
the parent object or None; it is called only if a rule needs it, so never for the administrator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

import msgspec

from heddle.api.policy import Policy, refusal
from heddle.control.lookup import not_found
from heddle.model.caller import Caller
from heddle.model.predicate import NEVER, Condition, Eq, all_of, any_of, holds
from heddle.model.resource import Draft, FieldInfo, Resource, Sentinel, fields_of, subject_of

R = TypeVar("R", bound=Resource)
Lookup = Callable[[str], Resource | None]


def no_parent(name: str) -> Resource | None:
    """The lookup for a resource without a parent."""
    return None


class Rights(Generic[R]):
    """The rights of one caller on the resources of one model."""

    __slots__ = ("caller", "model", "policy", "subject")

    def __init__(self, policy: Policy, caller: Caller, model: type[R]) -> None:
        self.policy, self.caller, self.model = policy, caller, model
        self.subject = subject_of(model)

    # Seeing

    def condition(self) -> Condition:
        """Which objects the caller may see."""
        return self.policy.condition(f"get_{self.subject}", self.caller)

    def condition_for(self, filters: Iterable[str]) -> Condition:
        """Which objects a list shows that is narrowed by these fields (their Python names).

        By an attribute that the caller does not see only what is their project's own is found, as clients expect;
        of others' objects filters would tell its value.
        """
        seen, on_some = self.policy.fields(self.model, self.caller)
        always, sometimes = {field.name for field in seen}, {field.name: found for field, found in on_some}
        declared = fields_of(self.model)
        guarded = [
            name for name in filters if name in declared and name not in always and "read" in declared[name].guard
        ]
        own = Eq("project_id", self.caller.project_id) if self.caller.project_id else NEVER
        return all_of([self.condition(), *(any_of([own, sometimes.get(name, NEVER)]) for name in guarded)])

    def sees(self, value: R, lookup: Lookup = no_parent) -> bool:
        return holds(self.condition(), value_of(value, lookup))

    def visible_fields(self) -> tuple[FieldInfo, ...]:
        """The attributes that the caller sees of every object that he sees."""
        return self.policy.fields(self.model, self.caller)[0]

    def fields_for(self, value: R, lookup: Lookup = no_parent) -> tuple[FieldInfo, ...]:
        """The attributes that the caller sees of this object; more than `visible_fields` only by an override."""
        always, sometimes = self.policy.fields(self.model, self.caller)
        if not sometimes:
            return always
        of = value_of(value, lookup)
        return (*always, *(field for field, condition in sometimes if holds(condition, of)))

    def sometimes(self) -> bool:
        """Whether an override makes an attribute visible on some objects only."""
        return bool(self.policy.fields(self.model, self.caller)[1])

    # Doing

    def check_create(self, draft: Draft[R], lookup: Lookup = no_parent) -> None:
        """Raises `Forbidden`."""
        rules = [f"create_{self.subject}"]
        for field in fields_of(self.model).values():
            if field.name in draft.given:
                value = getattr(draft.value, field.name)
                if isinstance(field.default, Sentinel) or value != field.default:
                    rules += self._attribute_rules("create", field, value)
        self._check(rules, draft.value, lookup)

    def check_update(self, old: R, new: R, given: Iterable[str], lookup: Lookup = no_parent) -> None:
        """`given` are the Python names of what the request sets.  Raises `Forbidden`."""
        self._check([f"update_{self.subject}"], old, lookup)
        declared = fields_of(self.model)
        rules = [rule for name in given for rule in self._attribute_rules("update", declared[name], getattr(new, name))]
        self._check(rules, new, lookup, f"update_{self.subject}")

    def check_delete(self, old: R, lookup: Lookup = no_parent) -> None:
        """Raises `Forbidden`."""
        self._check([f"delete_{self.subject}"], old, lookup)

    def check(self, rule: str, value: R, lookup: Lookup = no_parent) -> None:
        """A rule for something else than the four verbs: `add_router_interface`.  Raises `Forbidden`."""
        self._check([rule], value, lookup)

    def allows(self, rule: str, value: R, lookup: Lookup = no_parent) -> bool:
        return self.policy.allows(rule, self.caller, value_of(value, lookup))

    def _attribute_rules(self, verb: str, field: FieldInfo, value: object) -> list[str]:
        if verb not in field.guard:
            return []
        rule = f"{verb}_{self.subject}:{field.api}"
        parts = [f"{rule}:{part}" for part in _parts(value)]
        return [rule, *(part for part in parts if part in self.policy.names)]

    def _check(self, rules: list[str], value: R, lookup: Lookup, *named: str) -> None:
        of = value_of(value, lookup)
        if not all(holds(self.policy.condition(rule, self.caller), of) for rule in rules):
            if self.model.secretive and value.id and value.project_id != self.caller.project_id:
                raise not_found(self.model, value.id)
            raise refusal(*named, *rules)


def value_of(value: Resource, lookup: Lookup) -> Callable[[str], object]:
    """The values of an object's fields by their names in conditions; None for those of a parent that is not there."""

    def of(name: str) -> object:
        parent, dot, inner = name.partition(".")
        if not dot:
            return getattr(value, name)
        found = lookup(parent)
        return None if found is None else getattr(found, inner)

    return of


def _parts(value: Any) -> list[str]:
    """The names of the parts that a structured value, or a list of them, has."""
    items = value if isinstance(value, list) else [value]
    names: dict[str, None] = {}
    for item in items:
        if isinstance(item, msgspec.Struct):
            given = (name for name in item.__struct_fields__ if getattr(item, name) not in (None, ""))
            names.update(dict.fromkeys(given))
    return list(names)
