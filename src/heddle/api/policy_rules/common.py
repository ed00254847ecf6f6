"""The building blocks of the default rules: who counts as an owner, a reader, a member.

A project's `member` writes and its `reader` reads what belongs to the project; `manager` includes `member`,
`admin` everything.  The names are those that operators of the Networking API know and use in their overrides.
"""

from __future__ import annotations

from oslo_policy.policy import RuleDefault

ADMIN = "rule:admin_only"
SERVICE = "rule:service_api"
PROJECT_MEMBER = "role:member and project_id:%(project_id)s"
PROJECT_READER = "role:reader and project_id:%(project_id)s"
PROJECT_MANAGER = "role:manager and project_id:%(project_id)s"
PARENT_READER = "role:reader and rule:ext_parent_owner"
PARENT_MANAGER = "role:manager and rule:ext_parent_owner"
NETWORK_MEMBER = "role:member and rule:network_owner"
NETWORK_READER = "role:reader and rule:network_owner"
GROUP_MEMBER = "role:member and rule:sg_owner"
GROUP_READER = "role:reader and rule:sg_owner"
PARENT_MEMBER = "role:member and rule:ext_parent_owner"
PARENT_READER = "role:reader and rule:ext_parent_owner"
READER = "role:reader"
SHARED = "rule:shared"
SHARED_GROUP = "rule:shared_security_group"
EXTERNAL = "rule:external"
ANYBODY = ""


def any_rule(*parts: str) -> str:
    """A rule that holds when one of the parts does."""
    return " or ".join(f"({part})" for part in parts)


ADMIN_OR_MEMBER = any_rule(ADMIN, PROJECT_MEMBER)
ADMIN_OR_READER = any_rule(ADMIN, PROJECT_READER)
ADMIN_OR_MANAGER = any_rule(ADMIN, PROJECT_MANAGER)
ADMIN_OR_NETWORK_MEMBER = any_rule(ADMIN, NETWORK_MEMBER)
ADMIN_OR_SERVICE = any_rule(ADMIN, SERVICE)


def rule(name: str, check: str, description: str) -> RuleDefault:
    return RuleDefault(name, check, description)


def four(resource: str, write: str, read: str) -> tuple[RuleDefault, ...]:
    """The rules of the four verbs: who may create, see, change and delete."""
    words = resource.replace("_", " ")
    return (
        rule(f"create_{resource}", write, f"Create a {words}"),
        rule(f"get_{resource}", read, f"See a {words}"),
        rule(f"update_{resource}", write, f"Change a {words}"),
        rule(f"delete_{resource}", write, f"Delete a {words}"),
    )


def attributes(verbs: str, resource: str, check: str, *names: str) -> tuple[RuleDefault, ...]:
    """Rules of their own for attributes: `verbs` of "create", "update" (to set it) and "get" (to see it)."""
    does = {"create": "Give {} when creating a {}", "update": "Change {} of a {}", "get": "See {} of a {}"}
    words = resource.replace("_", " ")
    return tuple(
        rule(f"{verb}_{resource}:{name}", check, does[verb].format(name, words))
        for name in names
        for verb in verbs.split()
    )


def tags(collection: str, write: str, read: str) -> tuple[RuleDefault, ...]:
    words = collection.replace("_", " ")
    return (
        rule(f"create_{collection}_tags", write, f"Add tags to {words}"),
        rule(f"get_{collection}_tags", read, f"See the tags of {words}"),
        rule(f"update_{collection}_tags", write, f"Replace the tags of {words}"),
        rule(f"delete_{collection}_tags", write, f"Remove tags from {words}"),
    )


RULES = (
    rule("context_is_admin", "role:admin", "Who is the cloud's administrator"),
    rule("admin_only", "rule:context_is_admin", "Only the administrator"),
    rule("service_api", "role:service", "Another service of the cloud"),
    rule("owner", "project_id:%(project_id)s", "The object belongs to the caller's project"),
    rule("admin_or_owner", "rule:context_is_admin or rule:owner", "The administrator, or the object's project"),
    rule("network_owner", "project_id:%(network:project_id)s", "The object's network belongs to the caller's project"),
    rule(
        "admin_or_network_owner",
        "rule:context_is_admin or rule:network_owner",
        "The administrator, or the project of the object's network",
    ),
    rule(
        "admin_owner_or_network_owner",
        "rule:owner or rule:admin_or_network_owner",
        "The administrator, the object's project, or that of its network",
    ),
    rule("sg_owner", "project_id:%(security_group:project_id)s", "The rule's security group belongs to the caller"),
    rule("ext_parent_owner", "project_id:%(ext_parent:project_id)s", "The object's parent belongs to the caller"),
    rule(
        "admin_or_ext_parent_owner",
        "rule:context_is_admin or rule:ext_parent_owner",
        "The administrator, or the project of the object's parent",
    ),
    rule("regular_user", ANYBODY, "Everybody with a token"),
    rule("shared", "field:networks:shared=True", "The network is shared"),
    rule("external", "field:networks:router:external=True", "The network is external"),
    rule("network_device", "field:port:device_owner=~^network:", "The port belongs to the network itself"),
    rule("default", "rule:admin_or_owner", "What decides where no other rule does"),
)
