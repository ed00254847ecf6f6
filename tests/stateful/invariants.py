"""What must hold of a cloud whatever was asked of it, by a direct look at its database and through every list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import sqlalchemy as sa
from tests.stateful.addressing import addresses, nothing_twice, pools, routing, segments, subnet_shapes
from tests.stateful.contents import Contents
from tests.stateful.references import no_orphans, no_strays, owners
from tests.stateful.views import Followers
from tests.stateful.world import Failure, World

from heddle.api.network.collections import EVERY
from heddle.control.quotas import RESOURCES

COUNTED = {resource: {"rbac_policy": "rbac_policies"}.get(resource, resource + "s") for resource in RESOURCES}


def counts(contents: Contents) -> list[str]:
    """What a project is said to use is what it has."""
    used = {(row["project_id"], row["resource"]): row["used"] for row in contents["quota_usage"]}
    have: Counter[tuple[str, str]] = Counter()
    for resource, table in COUNTED.items():
        have.update((row["project_id"], resource) for row in contents[table])
    return [f"{pair}: used {used.get(pair, 0)}, there are {have[pair]}" for pair in {*used, *have}
            if used.get(pair, 0) != have[pair] and pair[0]]  # fmt: skip


RULES: tuple[Callable[[Contents], list[str]], ...] = (
    no_orphans, no_strays, owners, nothing_twice, addresses, subnet_shapes, pools, segments, routing, counts,
)  # fmt: skip


def check(world: World, followers: Followers | None = None) -> None:
    """Raises `Failure` for the first that does not hold; `followers`: what these were told, too."""
    with world.cloud.store.engine.connect() as conn:
        check_rows(conn)
    found = list(unshown(world))
    if found:
        raise Failure(f"unshown: {len(found)}, such as {'; '.join(found[:5])}")
    found = list(followers.wrong()) if followers else []
    if found:
        raise Failure(f"views: {len(found)}, such as {'; '.join(found[:5])}")


def check_rows(conn: sa.Connection) -> None:
    """The part of `check` that looks at the database.  Raises `Failure`."""
    contents = Contents(conn)
    for rule in RULES:
        found = rule(contents)
        if found:
            raise Failure(f"{rule.__name__}: {len(found)}, such as {'; '.join(found[:5])}")


def unshown(world: World) -> Iterable[str]:
    """Objects that somebody's list has and cannot be shown to them."""
    for who in ("admin", "ann", "eve", "rob"):
        client = world.clients[who]
        for collection in EVERY:
            if not collection.lists:
                continue
            for url in _urls(world, collection.url):
                answer = client.get(url)
                if answer.status != 200:
                    if answer.status != 404:
                        yield f"{who} GET {url}: {answer.status}"
                    continue
                for item in answer.json()[collection.model.collection]:
                    id = item[collection.key] if collection.key in item else item["id"]
                    one = client.get(f"{url}/{id}")
                    if one.status != 200:
                        yield f"{who} GET {url}/{id}: {one.status}"
                    elif one.json()[collection.model.member] != item:
                        yield f"{who} {url}/{id} is listed as {item} and shown as {one.json()}"


def _urls(world: World, url: str) -> list[str]:
    """The URL, or one for each object that it is under."""
    if "{" not in url:
        return [url]
    before, _, after = url.partition("{")
    pool = before.rstrip("/").rpartition("/")[2].replace("-", "_")
    return [before + item.id + after.partition("}")[2] for item in world.pool(pool)]
