"""The table of contents of the Identity API."""

from __future__ import annotations

from heddle.api.http import Route
from heddle.api.identity import (
    assignments,
    catalog,
    credentials,
    roles,
    tokens,
    users,
    versions,
)
from heddle.api.identity.collections import COLLECTIONS
from heddle.api.identity.common import PATH as _V3
from heddle.api.schemas import OBJECT, TEXT, listing, only, resource
from heddle.model.identity import ApplicationCredential, Domain, Project, Role

_GRANTS = (
    f"{_V3}/projects/{{project_id}}/users/{{user_id}}/roles",
    f"{_V3}/domains/{{domain_id}}/users/{{user_id}}/roles",
    f"{_V3}/system/users/{{user_id}}/roles",
)
_CREDENTIALS = f"{_V3}/users/{{user_id}}/application_credentials"
_LOGIN = {"type": "object", "properties": {"identity": OBJECT, "scope": {}}, "required": ["identity"]}
_TOKEN = only(token=OBJECT)
_CREDENTIAL = only(application_credential=resource(ApplicationCredential))


def _grants(path: str) -> list[Route]:
    one = f"{path}/{{role_id}}"
    return [
        Route("GET", path, assignments.list_grants, "identity:list_grants", 200, "A user's roles", None,
              listing("roles", resource(Role))),
        Route("PUT", one, assignments.grant, "identity:create_grant", 204, "Give a user a role"),
        Route("GET", one, assignments.check, "identity:check_grant", 204, "Ask whether a user has a role"),
        Route("HEAD", one, assignments.check, "identity:check_grant", 204, "Ask whether a user has a role"),
        Route("DELETE", one, assignments.revoke, "identity:revoke_grant", 204, "Take a role from a user"),
    ]  # fmt: skip


ROUTES: list[Route] = [
    Route("GET", "/identity", versions.list_versions, "public", 300, "Versions of the Identity API", None,
          only(versions=OBJECT)),
    Route("GET", _V3, versions.show_version, "public", 200, "Version 3 of the Identity API", None,
          only(version=OBJECT)),
    Route("POST", f"{_V3}/auth/tokens", tokens.create_token, "public", 201, "Log in", only(auth=_LOGIN), _TOKEN),
    Route("GET", f"{_V3}/auth/tokens", tokens.show_token, "identity:validate_token", 200, "What a token says", None,
          _TOKEN),
    Route("HEAD", f"{_V3}/auth/tokens", tokens.show_token, "identity:validate_token", 200, "Whether a token is valid"),
    Route("DELETE", f"{_V3}/auth/tokens", tokens.delete_token, "identity:revoke_token", 204, "Revoke a token"),
    Route("GET", f"{_V3}/auth/catalog", tokens.show_catalog, "identity:get_auth_catalog", 200, "The catalog", None,
          listing("catalog")),
    Route("GET", f"{_V3}/auth/projects", tokens.list_own_projects, "identity:get_auth_projects", 200, "My projects",
          None, listing("projects", resource(Project))),
    Route("GET", f"{_V3}/auth/domains", tokens.list_own_domains, "identity:get_auth_domains", 200, "My domains", None,
          listing("domains", resource(Domain))),
    Route("GET", f"{_V3}/auth/system", tokens.show_own_system, "identity:get_auth_system", 200, "My system roles", None,
          listing("system")),
    *(route for collection in COLLECTIONS for route in collection.routes()),
    Route(
        "POST", f"{_V3}/users/{{id}}/password", users.change_password, "identity:change_password", 204,
        "Change one's password", only(user=only(password=TEXT, original_password=TEXT)),
    ),
    Route("GET", f"{_V3}/users/{{id}}/groups", users.list_groups, "identity:get_user", 200, "A user's groups", None,
          listing("groups")),
    Route(
        "GET", f"{_V3}/users/{{id}}/projects", users.list_projects, "identity:list_user_projects", 200,
        "A user's projects", None, listing("projects", resource(Project)),
    ),
    Route(
        "GET", _CREDENTIALS, credentials.list_credentials, "identity:list_application_credentials", 200,
        "A user's application credentials", None,
        listing("application_credentials", resource(ApplicationCredential)),
    ),
    Route(
        "POST", _CREDENTIALS, credentials.create_credential, "identity:create_application_credential", 201,
        "Make an application credential",
        only(application_credential=resource(ApplicationCredential, "Create")), _CREDENTIAL,
    ),
    Route(
        "GET", f"{_CREDENTIALS}/{{id}}", credentials.show_credential, "identity:get_application_credential", 200,
        "An application credential", None, _CREDENTIAL,
    ),
    Route(
        "DELETE", f"{_CREDENTIALS}/{{id}}", credentials.delete_credential, "identity:delete_application_credential",
        204, "Delete an application credential",
    ),
    Route("GET", f"{_V3}/groups", users.list_all_groups, "identity:list_groups", 200, "Groups: there are none", None,
          listing("groups")),
    Route("GET", f"{_V3}/roles/{{id}}/implies", roles.list_implied, "identity:get_implied_role", 200, "Implied roles",
          None, OBJECT),
    Route("GET", f"{_V3}/role_inferences", roles.list_inferences, "identity:get_implied_role", 200, "Implied roles",
          None, OBJECT),
    *(route for path in _GRANTS for route in _grants(path)),
    Route(
        "GET", f"{_V3}/role_assignments", assignments.list_assignments, "identity:list_role_assignments", 200,
        "Role assignments", None, listing("role_assignments"), dict.fromkeys(assignments.FILTERS, TEXT),
    ),
    Route("GET", f"{_V3}/services", catalog.list_services, "identity:list_services", 200, "Services of the catalog",
          None, listing("services"), dict.fromkeys(catalog.SERVICE_FILTERS, TEXT)),
    Route("GET", f"{_V3}/services/{{id}}", catalog.show_service, "identity:get_service", 200, "A service", None,
          only(service=OBJECT)),
    Route("GET", f"{_V3}/endpoints", catalog.list_endpoints, "identity:list_endpoints", 200, "Endpoints", None,
          listing("endpoints"), dict.fromkeys(catalog.ENDPOINT_FILTERS, TEXT)),
    Route("GET", f"{_V3}/endpoints/{{id}}", catalog.show_endpoint, "identity:get_endpoint", 200, "An endpoint", None,
          only(endpoint=OBJECT)),
    Route("GET", f"{_V3}/regions", catalog.list_regions, "identity:list_regions", 200, "Regions", None,
          listing("regions")),
    Route("GET", f"{_V3}/regions/{{id}}", catalog.show_region, "identity:get_region", 200, "A region", None,
          only(region=OBJECT)),
]  # fmt: skip
