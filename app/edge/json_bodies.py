"""Read the JSON body of a request: what no database could store is refused by name."""

import email.message
import json
import re
from collections.abc import Iterator
from typing import Any

from fastapi import Request

from app.errors import Invalid, MalformedBody
from models.errors import Problem

# How JSON writes what PostgreSQL and file formats cannot hold: NUL and lone surrogates.
SUSPECT = (b"\\u0000", b"\\ud", b"\\uD")
NOT_UTF8 = "The body must be JSON in UTF-8. The byte at position {position} is not valid there."
UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
HOLDS = "`{field}` holds the character U+{code:04X}, which cannot be stored: leave it out."
NULL = "The body must be an object, or left out where it is optional. Received: null"
REPEATED = "An object must name each field once. The body names {name!r} twice."


async def read_json_body(request: Request) -> None:
    """Parse a JSON body, so that the route finds it parsed.

    Raises:
        MalformedBody: If it is not UTF-8.
        Invalid: If it is `null`, a text holds a NUL or half a surrogate pair, or an object repeats
            a name.
    """
    if not _is_json(request.headers.get("content-type", "")):
        return
    body = await request.body()
    if not body:
        return
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MalformedBody(NOT_UTF8.format(position=error.start)) from error
    try:
        parsed = json.loads(text, object_pairs_hook=_without_repeats)
    except json.JSONDecodeError:
        return  # The route answers with the position of the error.
    except RecursionError as error:
        raise MalformedBody("The body is nested too deeply.") from error
    if parsed is None:
        raise Invalid(NULL, errors=[Problem("", NULL)])
    # A batch answers for each of its items: one that cannot be stored does not spoil the others.
    is_batch = request.url.path.endswith(":batch")
    if not is_batch and any(mark in body for mark in SUSPECT):
        require_storable(parsed)
    request._json = parsed  # noqa: SLF001  # Where Starlette keeps what `json()` returns.


def _is_json(content_type: str) -> bool:
    if content_type == "application/json":
        return True
    message = email.message.Message()
    message["content-type"] = content_type
    subtype = message.get_content_subtype()
    return message.get_content_maintype() == "application" and (
        subtype == "json" or subtype.endswith("+json")
    )


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise Invalid(REPEATED.format(name=repeated))
    return fields


def require_storable(parsed: Any) -> None:
    """Refuse characters that not every database can store.

    Raises:
        Invalid: If a text or a name holds a NUL or half of a surrogate pair.
    """
    for pointer, text in _texts(parsed, ""):
        found = UNSTORABLE.search(text)
        if found is not None:
            field = pointer.lstrip("/").replace("/", ".") or "body"
            message = HOLDS.format(field=field, code=ord(found[0]))
            raise Invalid(message, errors=[Problem(pointer, message)])


def _texts(node: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """All texts with their JSON pointers; a name has the pointer of its object."""
    if isinstance(node, str):
        yield pointer, node
    elif isinstance(node, list):
        for index, each in enumerate(node):
            yield from _texts(each, f"{pointer}/{index}")
    elif isinstance(node, dict):
        for name, each in node.items():
            yield pointer, name
            escaped = name.replace("~", "~0").replace("/", "~1")
            yield from _texts(each, f"{pointer}/{escaped}")
