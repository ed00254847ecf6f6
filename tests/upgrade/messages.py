"""Samples of every message of the protocol, by the structs of the program whose source is on PYTHONPATH.

Of each message there are three: "full" has every field filled with something that is not its default, "least" has only
what must be there, and "defaults" is what the program understands of the least one.  They are made from the structs, so
that no field is forgotten, and are plain values: `msgspec.msgpack.encode` of one is what travels.

Run as a program it prints those of its own release, or reads messages of another and prints what it understands.  It
imports nothing of the tests, because the release before runs it too.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import inspect

from heddle.bus import frames
from heddle.view import types

FROM_AGENT = (*frames.FromAgent.__args__, types.FetchRequest, types.ReportRequest)
FROM_SERVER = (*frames.FromServer.__args__, types.FetchReply, types.ReportReply, *types.AnyObject.__args__)
Plain = dict[str, Any]


def name_of(kind: type[msgspec.Struct]) -> str:
    """As "PortView" or "Call"."""
    return kind.__name__


def every() -> dict[str, type[msgspec.Struct]]:
    return {name_of(kind): kind for kind in (*FROM_AGENT, *FROM_SERVER)}


def samples() -> dict[str, Plain]:
    """By name: who sends the message, and the three of it."""
    return {
        name: {"from": "agent" if kind in FROM_AGENT else "server", "full": full(kind), "least": least(kind),
               "defaults": read(name, least(kind))}
        for name, kind in every().items()
    }  # fmt: skip


def full(kind: type[msgspec.Struct]) -> Plain:
    return _plain(kind, lambda field: True)


def least(kind: type[msgspec.Struct]) -> Plain:
    return _plain(kind, lambda field: field.required)


def _plain(kind: type[msgspec.Struct], wanted: Any) -> Any:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    found = {} if info.tag_field is None else {info.tag_field: info.tag}
    found |= {field.encode_name: _value(field.type, field) for field in info.fields if wanted(field)}
    return list(found.values()) if info.array_like else found


def _value(kind: inspect.Type, field: inspect.Field, depth: int = 0) -> Any:
    """Something of a type that is not the default of the field."""
    if isinstance(kind, inspect.BoolType):
        return not field.default if isinstance(field.default, bool) else True
    if isinstance(kind, inspect.IntType):
        return 7 + len(field.name)
    if isinstance(kind, inspect.FloatType):
        return 1.5
    if isinstance(kind, inspect.StrType):
        return f"{field.name}-{depth}" if depth else field.name
    if isinstance(kind, inspect.RawType):
        return {"kind": "host", "id": "inner", "revision": 3}
    if isinstance(kind, inspect.ListType):
        return [_value(kind.item_type, field, 1), _value(kind.item_type, field, 2)]
    if isinstance(kind, inspect.DictType):
        return {f"key-{number}": _value(kind.value_type, field, number) for number in (1, 2)}
    if isinstance(kind, inspect.StructType):
        return least(kind.cls) if depth == 2 else full(kind.cls)
    if isinstance(kind, inspect.UnionType):
        return _value(next(each for each in kind.types if not isinstance(each, inspect.NoneType)), field, depth)
    raise TypeError(f"{field.name}: there is no sample of {kind}")


def understood(value: Any) -> Any:
    """A message as plain values with all its fields, those with their defaults too."""
    if isinstance(value, msgspec.Raw):
        return msgspec.msgpack.decode(value) if bytes(value) else None
    if isinstance(value, msgspec.Struct):
        tag = value.__struct_config__
        found = {} if tag.tag_field is None else {tag.tag_field: tag.tag}
        found |= {name: understood(getattr(value, name)) for name in value.__struct_fields__}
        return list(found.values()) if tag.array_like else found
    if isinstance(value, dict):
        return {key: understood(each) for key, each in value.items()}
    return [understood(each) for each in value] if isinstance(value, (list, tuple)) else value


def read(name: str, message: Any) -> Any:
    """What this program understands of a message that another sent.  Raises `msgspec.MsgspecError`."""
    return understood(msgspec.msgpack.decode(msgspec.msgpack.encode(message), type=every()[name]))


def mirrored(objects: Iterable[Any]) -> Plain:
    """What an agent keeps of objects that a server sends it, by kind, and what it cannot read."""
    from heddle.agent.mirror import Mirror

    news = types.ScopeNews(scope="cloud", whole=True, objects=[msgspec.Raw(msgspec.msgpack.encode(o)) for o in objects])
    mirror = Mirror()
    mirror.apply(types.FetchReply(revision=9, scopes=[news]))
    kinds = [str(each.__struct_config__.tag) for each in types.AnyObject.__args__]
    held = {kind: sorted(ref.id for ref in mirror.scopes["cloud"] if ref.kind == kind) for kind in kinds}
    return {"held": held, "broken": {f"{ref.kind} {ref.id}": reason for ref, reason in mirror.broken.items()}}


def main() -> None:
    """`messages` prints its own; `read` takes {"messages": [[name, message], …], "objects": […]} from stdin."""
    if sys.argv[1:] == ["messages"]:
        print(json.dumps(samples(), indent=1, sort_keys=True))
        return
    asked, answers = json.load(sys.stdin), []
    for name, message in asked["messages"]:
        try:
            answers.append({"understood": read(name, message)} if name in every() else {"unknown": name})
        except msgspec.MsgspecError as error:
            answers.append({"error": str(error)})
    print(json.dumps({"messages": answers, "mirrored": mirrored(asked["objects"])}))


if __name__ == "__main__":
    main()
