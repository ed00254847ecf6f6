"""The names that policy rules use, as fields of our resources.

A rule belongs to a resource, which its own name says: `update_port:binding:host_id` to `port`.  What a
check of the rule compares is a field of that resource, or of its parent:

    %(project_id)s, %(tenant_id)s           project_id
    %(network:tenant_id)s                   network.project_id
    %(ext_parent:tenant_id)s                security_group.project_id for a rule of a security group
    %(target.user.id)s                      id
    field:networks:router:external=True     router_external of a network, network.router_external of a port

Where RBAC entries tell a field (`shared`), a rule asks whether the caller's project has the access: `access_of`.
"""

from __future__ import annotations

import re

from heddle.model.access import Access
from heddle.model.registry import MODELS
from heddle.model.resource import FieldInfo, api_fields, fields_of

COLLECTIONS = {model.collection: name for name, model in MODELS.items()}
PARENTS = {name: model.parent for name, model in MODELS.items() if model.parent}

# Names that only rules use.
IN_RULES = {("rbac_policy", "target_project"): "target_tenant"}

# Fields that a resource shows but that its parent keeps.
OF_THE_PARENT = {("subnet", "shared"), ("subnet", "router:external"), ("port", "shared")}

_RULE = re.compile(r"(?:create|get|update|delete|add|remove)_([a-z0-9_-]+?)(?:_interface|_tags)?(?::.*)?")


class Unreadable(ValueError):
    """A check cannot be expressed; the text is the reason."""


def resource_of(rule: str) -> str:
    """The resource that a rule is about, "" for one that is about none or any."""
    if rule.startswith("identity:"):
        return "identity"
    if rule.endswith("_extraroutes"):
        return "router"
    match = _RULE.fullmatch(rule)
    name = match.group(1) if match else ""
    name = COLLECTIONS.get(name, name)
    return name if name in MODELS else ""


def is_read(rule: str) -> bool:
    """Whether the rule decides what a list shows, so that it must be possible to say it in SQL."""
    return rule.startswith("get_") and ":" not in rule and not rule.endswith("_tags")


def target_field(resource: str, name: str) -> str:
    """The field that `%(name)s` means in a rule about a resource.  Raises `Unreadable`."""
    if resource == "identity":
        return name.rpartition(".")[2]
    parent = PARENTS.get(resource, "")
    if (resource, name) in OF_THE_PARENT:
        return f"{parent}.{_python_name(parent, name)}"
    if resource and name in api_fields(MODELS[resource]):
        return _python_name(resource, name)
    of, colon, rest = name.partition(":")
    if colon and of == "ext_parent":
        of = parent
        if not resource:
            return f"parent.{rest}"
    if colon and of in MODELS:
        if resource and of != parent:
            raise Unreadable(f"a {resource} has no parent {of!r}")
        return f"{of}.{_python_name(of, rest)}"
    return _python_name(resource, name)


def compared_field(resource: str, collection: str, name: str) -> str:
    """The field that `field:<collection>:<name>=` means in a rule about a resource.  Raises `Unreadable`."""
    of = COLLECTIONS.get(collection, collection)
    if of not in MODELS:
        raise Unreadable(f"there is no resource {collection!r}; there are: {', '.join(sorted(COLLECTIONS))}")
    if not resource or of == resource:
        return target_field(resource or of, name)
    if PARENTS.get(resource) != of:
        raise Unreadable(f"a rule about a {resource} cannot look at {collection!r}")
    return f"{of}.{_python_name(of, name)}"


def _python_name(resource: str, name: str) -> str:
    if resource not in MODELS:
        return "project_id" if name == "tenant_id" else name.replace(":", "_")
    found = api_fields(MODELS[resource]).get(IN_RULES.get((resource, name), name))
    if found is None:
        raise Unreadable(f"a {resource} has no attribute {name!r}")
    return found.name


def access_of(resource: str, field: str) -> Access | None:
    """What RBAC entries give, of which the field of a resource or its parent tells."""
    info = _declared(resource, field)
    return info.access if info is not None else None


def kept_in_table(resource: str, field: str) -> bool:
    """Whether lists can be filtered by the field."""
    info = _declared(resource, field)
    return info is None or info.stored or info.access is not None


def _declared(resource: str, field: str) -> FieldInfo | None:
    name, dot, inner = field.partition(".")
    model = MODELS.get(name if dot else resource)
    return fields_of(model)[inner or name] if model is not None else None
