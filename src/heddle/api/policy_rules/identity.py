"""Who may do what in the embedded identity service.

The administrator does everything; a reader of the system sees everything; everybody sees and changes what is
their own: themselves, their projects, their application credentials.
"""

from __future__ import annotations

from oslo_policy.policy import RuleDefault

from heddle.api.policy_rules.common import ANYBODY, any_rule, rule

ADMIN = "rule:admin_only"
READER = any_rule(ADMIN, "role:reader and system_scope:all")
SELF_OR_READER = any_rule(READER, "user_id:%(target.user.id)s")
SELF = any_rule(ADMIN, "user_id:%(target.user.id)s")
PROJECT = any_rule(READER, "project_id:%(target.project.id)s")


def _crud(kind: str, read: str, write: str = ADMIN) -> tuple[RuleDefault, ...]:
    words = kind.replace("_", " ")
    return (
        rule(f"identity:create_{kind}", write, f"Create a {words}"),
        rule(f"identity:get_{kind}", read, f"See a {words}"),
        rule(f"identity:list_{kind}s", READER, f"See all {words}s"),
        rule(f"identity:update_{kind}", write, f"Change a {words}"),
        rule(f"identity:delete_{kind}", write, f"Delete a {words}"),
    )


RULES = (
    *_crud("user", SELF_OR_READER),
    rule("identity:change_password", SELF, "Change a password, knowing the present one"),
    rule("identity:list_user_projects", SELF_OR_READER, "See the projects of a user"),
    *_crud("project", PROJECT),
    *_crud(
        "domain",
        any_rule(READER, "token.domain.id:%(target.domain.id)s", "user_domain_id:%(target.domain.id)s"),
    ),
    *_crud("role", READER),
    rule("identity:get_implied_role", READER, "See which roles a role implies"),
    rule("identity:list_grants", READER, "See a user's roles on a project, a domain or the system"),
    rule("identity:check_grant", READER, "Ask whether a user has a role"),
    rule("identity:create_grant", ADMIN, "Give a user a role"),
    rule("identity:revoke_grant", ADMIN, "Take a role from a user"),
    rule("identity:list_role_assignments", SELF_OR_READER, "See role assignments"),
    rule("identity:list_groups", READER, "See groups"),
    rule("identity:validate_token", SELF_OR_READER, "See what a token says"),
    rule("identity:revoke_token", SELF, "Revoke a token"),
    rule("identity:get_auth_catalog", ANYBODY, "See the catalog"),
    rule("identity:get_auth_projects", ANYBODY, "See the projects that one has a role on"),
    rule("identity:get_auth_domains", ANYBODY, "See the domains that one has a role on"),
    rule("identity:get_auth_system", ANYBODY, "See whether one has a role on the system"),
    rule("identity:get_service", READER, "See a service of the catalog"),
    rule("identity:list_services", READER, "See the services of the catalog"),
    rule("identity:get_endpoint", READER, "See an endpoint of the catalog"),
    rule("identity:list_endpoints", READER, "See the endpoints of the catalog"),
    rule("identity:get_region", ANYBODY, "See a region"),
    rule("identity:list_regions", ANYBODY, "See the regions"),
    rule("identity:create_application_credential", "user_id:%(target.user.id)s", "Make an application credential"),
    rule("identity:get_application_credential", SELF_OR_READER, "See an application credential"),
    rule("identity:list_application_credentials", SELF_OR_READER, "See a user's application credentials"),
    rule("identity:delete_application_credential", SELF, "Delete an application credential"),
)
