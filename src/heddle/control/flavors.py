"""Flavors and service profiles: made by the administrator; a flavor in use stays as it is."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from heddle.control.context import Context, new_id
from heddle.control.lookup import need
from heddle.errors import BadRequest, Conflict, NotFound, Unavailable
from heddle.model.flavor import ROUTERS, Flavor, ServiceProfile
from heddle.model.resource import Draft
from heddle.model.service_provider import BY_DRIVER, ServiceProvider
from heddle.store.query import flavors as q


def create_flavors(ctx: Context, drafts: Sequence[Draft[Flavor]]) -> list[Flavor]:
    """Raises `NotFound` for a service profile that is not there."""
    created = []
    for draft in drafts:
        flavor = msgspec.structs.replace(draft.value, id=new_id())
        q.FLAVORS.insert(ctx.tx, [flavor])
        for profile_id in flavor.service_profiles:
            need(ctx, q.SERVICE_PROFILES, profile_id, hold=True)
            q.bind(ctx.tx, flavor.id, profile_id)
        created.append(flavor)
    return created


def update_flavor(ctx: Context, old: Flavor, draft: Draft[Flavor]) -> Flavor:
    """Raises `Conflict` (FlavorInUse), `NotFound` for a service profile that is not there."""
    _check_unused(ctx, old)
    new = draft.value
    q.FLAVORS.update(ctx.tx, old, new)
    for profile_id in set(old.service_profiles) - set(new.service_profiles):
        q.unbind(ctx.tx, old.id, profile_id)
    for profile_id in set(new.service_profiles) - set(old.service_profiles):
        need(ctx, q.SERVICE_PROFILES, profile_id, hold=True)
        q.bind(ctx.tx, old.id, profile_id)
    return new


def delete_flavor(ctx: Context, flavor: Flavor) -> None:
    """Raises `Conflict` (FlavorInUse)."""
    _check_unused(ctx, flavor)
    q.unbind_all(ctx.tx, flavor.id)
    q.FLAVORS.delete(ctx.tx, flavor.id)


def _check_unused(ctx: Context, flavor: Flavor) -> None:
    if q.in_use(ctx.tx, flavor.id):
        raise Conflict("FlavorInUse", f"Flavor {flavor.id} is used by some service instance.")


def create_service_profiles(ctx: Context, drafts: Sequence[Draft[ServiceProfile]]) -> list[ServiceProfile]:
    """Raises `BadRequest` for an empty one, `NotFound` for a driver that there is not."""
    created = []
    for draft in drafts:
        _check_driver(draft.value)
        created.append(msgspec.structs.replace(draft.value, id=new_id()))
    q.SERVICE_PROFILES.insert(ctx.tx, created)
    return created


def update_service_profile(ctx: Context, old: ServiceProfile, draft: Draft[ServiceProfile]) -> ServiceProfile:
    """Raises `Conflict` (ServiceProfileInUse), and like `create_service_profiles`."""
    _check_unbound(ctx, old)
    _check_driver(draft.value)
    q.SERVICE_PROFILES.update(ctx.tx, old, draft.value)
    return draft.value


def delete_service_profile(ctx: Context, profile: ServiceProfile) -> None:
    """Raises `Conflict` (ServiceProfileInUse)."""
    _check_unbound(ctx, profile)
    q.SERVICE_PROFILES.delete(ctx.tx, profile.id)


def _check_unbound(ctx: Context, profile: ServiceProfile) -> None:
    if q.is_bound(ctx.tx, profile.id):
        raise Conflict("ServiceProfileInUse", f"Service Profile {profile.id} is used by some service instance.")


def _check_driver(profile: ServiceProfile) -> None:
    if not profile.driver and not profile.metainfo:
        raise BadRequest("ServiceProfileEmpty", "Service Profile needs either metainfo or driver.")
    if profile.driver and profile.driver not in BY_DRIVER:
        raise _no_driver(profile.driver)


def _no_driver(driver: str) -> NotFound:
    return NotFound("ServiceProfileDriverNotFound", f"Service Profile driver '{driver}' could not be found.")


# Which service profiles a flavor has


def bind_profile(ctx: Context, flavor: Flavor, profile_id: str) -> None:
    """Raises `NotFound`, `Conflict` when it is bound already."""
    need(ctx, q.SERVICE_PROFILES, profile_id, hold=True)
    if profile_id in flavor.service_profiles:
        raise Conflict(
            "FlavorServiceProfileBindingExists",
            f"Service Profile {profile_id} is already associated with flavor {flavor.id}.",
        )
    q.bind(ctx.tx, flavor.id, profile_id)


def unbind_profile(ctx: Context, flavor: Flavor, profile_id: str) -> None:
    """Raises `NotFound` when it is not bound."""
    if not q.unbind(ctx.tx, flavor.id, profile_id):
        raise not_bound(flavor, profile_id)


def not_bound(flavor: Flavor, profile_id: str) -> NotFound:
    return NotFound(
        "FlavorServiceProfileBindingNotFound",
        f"Service Profile {profile_id} is not associated with flavor {flavor.id}.",
    )


def router_provider(ctx: Context, flavor_id: str) -> ServiceProvider:
    """Who makes routers of a flavor.

    Raises `NotFound`, `BadRequest` for a flavor of something else, `Unavailable` for one that is disabled.
    """
    flavor = need(ctx, q.FLAVORS, flavor_id, hold=True)
    if flavor.service_type != ROUTERS:
        raise BadRequest("InvalidServiceType", f"Invalid service type: {flavor.service_type}.")
    if not flavor.enabled:
        raise Unavailable("FlavorDisabled", "Flavor is not enabled.")
    profiles = q.SERVICE_PROFILES.get_many(ctx.tx, flavor.service_profiles).values()
    if not profiles:
        raise not_bound(flavor, "''")
    enabled = [profile for profile in profiles if profile.enabled]
    if not enabled:
        raise Unavailable("ServiceProfileDisabled", "Service Profile is not enabled.")
    provider = next((BY_DRIVER[profile.driver] for profile in enabled if profile.driver in BY_DRIVER), None)
    if provider is None:
        raise _no_driver("")
    return provider
