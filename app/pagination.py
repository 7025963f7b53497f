"""Keyset pagination: `{"items": [...], "next": cursor|null}`, each page after a sort key."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar, TypeVarTuple

import sqlalchemy as sa
from fastapi import Depends, Query
from pydantic import BaseModel
from sqlalchemy.orm import InstrumentedAttribute

from app.errors import Invalid
from models.errors import Problem

MAX_LIMIT = 1000

Item = TypeVar("Item")
Row = TypeVar("Row")
Key = TypeVar("Key", int, str)
Columns = TypeVarTuple("Columns")


class Page(BaseModel, Generic[Item]):
    """One page of a list; `next` is the `?cursor=` of the next page."""

    items: list[Item]
    next: str | None


class PageRequest(BaseModel):
    """Where a page begins and how many items it holds."""

    limit: int
    cursor: str | None

    def after(self, key_type: type[Key]) -> Key | None:
        """The sort key that the page begins after, or None for the first page.

        Raises:
            Invalid: If the cursor is not of this list.
        """
        if self.cursor is None:
            return None
        key = _decode(self.cursor)
        if type(key) is not key_type:
            message = f"`cursor` must be `next` of an earlier page. Received: {self.cursor[:60]!r}"
            raise Invalid(message, errors=[Problem("/query/cursor", message)])
        return key

    def select(
        self,
        statement: sa.Select[*Columns],
        key: InstrumentedAttribute[Key],
        *,
        descending: bool = False,
    ) -> sa.Select[*Columns]:
        """The rows after the cursor in the order of a key, at most one more than the page shows.

        Args:
            statement: Selects all rows, in no order.
            key: A column whose values are unique among them.
            descending: Whether the largest key comes first.

        Raises:
            Invalid: If the cursor is not of this list.
        """
        after = self.after(key.type.python_type)
        if after is not None:
            statement = statement.where(key < after if descending else key > after)
        return statement.order_by(key.desc() if descending else key).limit(self.limit + 1)

    def page(
        self,
        rows: Sequence[Row],
        key: Callable[[Row], int | str],
        read: Callable[[Row], Item],
    ) -> Page[Item]:
        """The page of rows that were selected with a limit of `limit + 1`."""
        shown = rows[: self.limit]
        more = len(rows) > self.limit
        return Page(
            items=[read(row) for row in shown],
            next=encode_cursor(key(shown[-1])) if more else None,
        )


def encode_cursor(key: int | str) -> str:
    """A sort key as an opaque cursor."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def _decode(cursor: str) -> object:
    """The sort key of a cursor, or None if the text is not a cursor."""
    padded = cursor + "=" * (-len(cursor) % 4)
    try:
        return json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        return None


def page_request(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Items on a page.")] = 100,
    cursor: Annotated[str | None, Query(description="`next` of the previous page.")] = None,
) -> PageRequest:
    """The page that a request asks for."""
    return PageRequest(limit=limit, cursor=cursor)


Paging = Annotated[PageRequest, Depends(page_request)]
