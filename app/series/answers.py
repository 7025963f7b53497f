"""What a request for observations is answered with: rows, points of a chart, or buckets."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.db import Database
from app.pagination import PageRequest
from app.series import formats, selecting
from app.series.buckets import Buckets, buckets_of
from app.series.decoded import DecodedSeries
from app.series.downsampling import thinned_pieces
from app.series.formats import MEDIA_TYPES, WRITERS, About
from app.series.observation_schemas import Form, ObservationsQuery
from app.series.selecting import Observations, Selection
from app.series.tables import Series


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client wants to see.

    Args:
        form: How it is written.
        tag: An entity tag that changes with every answer, and only then.
        about: The columns of the answer, and the series.
        rows: The chosen rows, or the range in which the names of buckets lie.
        buckets: What becomes of the rows; None if they come as they are.
        max_points: How many rows a chart has at most; None if it is none.
        limit: Rows of a page of JSON.
    """

    form: Form
    tag: str
    about: About
    rows: Selection
    buckets: Buckets | None
    max_points: int | None
    limit: int


def ask(session: Session, series: Series, query: ObservationsQuery, accept: str) -> Asked:
    """Look at a query without reading any rows.

    Raises:
        Invalid: If it asks for what cannot be.
    """
    form = query.format or _accepted(accept)
    after = PageRequest(limit=query.limit, cursor=query.cursor).after(int)
    rows = selecting.resolve(session, series, query, after)
    buckets = buckets_of(series, rows, query)
    settings = {
        "name": series.name,
        "kind": series.kind,
        "timezone": series.timezone,
        "cadence": series.cadence,
        "revision": rows.key.revision,
    }
    return Asked(
        form=form,
        tag=_tag(series, rows, query, form),
        about=About(buckets.channels if buckets else rows.channels, settings),
        rows=rows,
        buckets=buckets,
        max_points=query.max_points,
        limit=query.limit,
    )


def as_json(database: Database, kept: DecodedSeries, asked: Asked) -> str:
    """A page of rows, or all of a chart."""
    if asked.max_points is not None:
        (chart,) = _pieces(database, kept, asked)
        return formats.as_json(asked.about, chart, limit=None)
    most = asked.limit + 1
    found = [Observations.none(len(asked.about.channels))]
    for piece in _pieces(database, kept, asked, most=most):
        found.append(piece)
        if sum(map(len, found)) >= most:
            break
    page = Observations.joined(found).where(slice(most))
    return formats.as_json(asked.about, page, limit=asked.limit)


def as_file(database: Database, kept: DecodedSeries, asked: Asked) -> Iterator[bytes]:
    """All rows, written while they are read."""
    return WRITERS[asked.form](asked.about, _pieces(database, kept, asked))


def _pieces(
    database: Database, kept: DecodedSeries, asked: Asked, *, most: int | None = None
) -> Iterator[Observations]:
    """Rows, buckets or the points of a chart; hardly more than `most` rows are read at once."""
    is_chart = asked.max_points is not None
    if asked.buckets is None:
        pieces = selecting.read(database, kept, asked.rows, keep=is_chart, most=most)
    else:
        made_of = asked.buckets.selection(asked.rows)
        pieces = asked.buckets.of(selecting.read(database, kept, made_of, keep=True))
    if asked.max_points is None:
        return pieces
    return iter([thinned_pieces(pieces, asked.max_points, len(asked.about.channels))])


def _accepted(accept: str) -> Form:
    named = (form for form, media in MEDIA_TYPES.items() if media in accept.lower())
    return next(named, "json")


def _tag(series: Series, rows: Selection, query: ObservationsQuery, form: Form) -> str:
    key = rows.key
    settings = (series.channels, series.kind, series.cadence, series.timezone)
    request = [key.series_id, key.created_at, key.revision, form, query.model_dump(mode="json")]
    content = json.dumps([*request, *settings], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:32]
