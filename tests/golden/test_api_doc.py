"""The page about the API in the documentation is made from its OpenAPI document."""

from __future__ import annotations

import json
from typing import Any

from tests.golden.helper import check_golden

from heddle.api.openapi import document
from heddle.api.routes import ROUTES

HEAD = """\
# The API: every route, and the attributes of every resource

Heddle speaks OpenStack's Networking API v2.0 and the part of the Identity API v3 that clients need.  A running server
tells the same as OpenAPI 3.1, with the shape of each body and answer, at `/openapi.json`; `heddle routes` prints the
routes.  The rule in the third column decides who may do it ([policy.md](policy.md)); `public` needs no token, and `-`
any valid one.

Of each resource the tables say what can be given on creation (`c`, `C` where it must be), changed (`u`), filtered by
(`f`) and sorted by (`s`), and the default.  Lists further take `fields`, `limit`, `marker`, `page_reverse`, `sort_key`
and `sort_dir`; all with tags `tags`, `tags-any`, `not-tags` and `not-tags-any`; all with times `changed_since`.
What is shown to whom is said by the rules that begin with `get_`.
"""
PREFIXES = ("/v2.0/", "/identity/v3/", "/heddle/v1/", "/identity", "/v2.0", "/")
METHODS = ("get", "head", "post", "put", "patch", "delete")


def _group(path: str) -> str:
    """What the first part of a path names."""
    for prefix in PREFIXES:
        if path.startswith(prefix):
            part = path.removeprefix(prefix).split("/")[0]
            return ("Identity: " if prefix.startswith("/identity/v3") else "") + (part or "roots")
    raise AssertionError(path)


def _operations(paths: dict[str, Any]) -> list[str]:
    lines = ["| route | what | rule |", "|---|---|---|"]
    for path, several in paths.items():
        for method in METHODS:
            if method in several:
                one = several[method]
                rule = one["x-policy-rule"]
                named = f"`{rule}`" if rule not in ("", "public") else rule or "-"
                lines.append(f"| `{method.upper()} {path}` | {one['summary']} | {named} |")
    return lines


Seen = tuple[set[str], set[str]]


def _resources(paths: dict[str, Any]) -> dict[str, Seen]:
    """The resources that an answer of the routes is of, with the filters and the sort keys of their lists."""
    found: dict[str, Seen] = {}
    for several in paths.values():
        answers = several.get("get", {}).get("responses", {})
        content = next((answer["content"] for answer in answers.values() if "content" in answer), {})
        schema = content.get("application/json", {}).get("schema", {})
        for member in schema.get("properties", {}).values():
            reference = member.get("$ref", member.get("items", {}).get("$ref", ""))
            if reference:
                filters, keys = found.setdefault(reference.rpartition("/")[2], (set(), set()))
                for each in several["get"]["parameters"]:
                    filters.add(each["name"])
                    keys.update(each["schema"]["items"]["enum"] if each["name"] == "sort_key" else ())
    return found


def _homes(groups: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The group where a resource has its list, else the first one that tells of it."""
    homes: dict[str, str] = {}
    for title, paths in groups.items():
        for name, (_, keys) in _resources(paths).items():
            if keys or name not in homes:
                homes[name] = title
    return homes


def _kind(schema: dict[str, Any]) -> str:
    kinds = schema.get("type") or [one.get("type", "any") for one in schema.get("anyOf", schema.get("oneOf", []))]
    words = [kinds] if isinstance(kinds, str) else [str(kind) for kind in kinds]
    choices = [str(value) for value in schema.get("enum", ()) if value is not None]
    if choices and len(choices) < 12:
        words = [", ".join(choices), *(["null"] if None in schema["enum"] else [])]
    return " or ".join(words) or "any"


def _attributes(name: str, schemas: dict[str, Any], seen: Seen) -> list[str]:
    shown, new, changed = (schemas.get(name + kind, {"properties": {}}) for kind in ("", "Create", "Update"))
    lines = ["| attribute | type | | default |", "|---|---|---|---|"]
    for attribute, schema in {**shown["properties"], **new["properties"]}.items():
        if attribute == "tenant_id":
            continue
        marks = "C" if attribute in new.get("required", ()) else "c" if attribute in new["properties"] else ""
        marks += "u" if attribute in changed["properties"] else ""
        marks += "f" if attribute in seen[0] else ""
        marks += "s" if attribute in seen[1] else ""
        default = new["properties"].get(attribute, {}).get("default")
        text = "" if default is None else f"`{json.dumps(default)}`"
        lines.append(f"| `{attribute}` | {_kind(schema)} | {marks} | {text} |".replace("  |", " |"))
    return lines


def test_the_page_about_the_api() -> None:
    whole = document(ROUTES)
    groups: dict[str, dict[str, Any]] = {}
    for path, several in whole["paths"].items():
        groups.setdefault(_group(path), {})[path] = several
    homes = _homes(groups)
    parts = [HEAD]
    for title, paths in groups.items():
        parts.append("\n".join([f"## {title}", "", *_operations(paths)]))
        for name, seen in _resources(paths).items():
            if homes[name] == title:
                lines = _attributes(name, whole["components"]["schemas"], seen)
                parts.append("\n".join([f"**{name}**", "", *lines]))
    base = {name for name in whole["components"]["schemas"] if not name.endswith(("Create", "Update"))} - {"Error"}
    assert {name for name in base if not name.startswith("Alias")} <= set(homes), "a resource has no table"
    check_golden("../../docs/api.md", "\n\n".join(parts).replace("\n\n\n", "\n\n") + "\n")
