"""Results of an observations query: rows, points of a chart, or buckets."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.db import Database
from app.pagination import PageRequest
from app.series import formats, selection
from app.series.buckets import Buckets, buckets_of
from app.series.column_cache import ColumnCache
from app.series.downsampling import downsample_pieces
from app.series.formats import MEDIA_TYPES, WRITERS, SeriesMetadata
from app.series.observation_schemas import Form, ObservationsQuery
from app.series.selection import Observations, Selection
from app.series.tables import Series


@dataclass(frozen=True, slots=True)
class ResultPlan:
    """How a query is answered; no rows are read yet.

    Args:
        form: The format of the answer.
        tag: An entity tag that changes if and only if the answer changes.
        metadata: The columns of the answer, and the series.
        rows: The chosen rows, or the range of the buckets' names.
        buckets: How rows are aggregated; None if they are returned as they are.
        max_points: The most rows of a chart; None if the answer is not a chart.
        limit: Rows on a page of JSON.
    """

    form: Form
    tag: str
    metadata: SeriesMetadata
    rows: Selection
    buckets: Buckets | None
    max_points: int | None
    limit: int


def plan_result(
    session: Session, series: Series, query: ObservationsQuery, accept: str
) -> ResultPlan:
    """Plan the answer to a query without reading rows.

    Raises:
        Invalid: If the query asks for something impossible.
    """
    form = query.format or _accepted(accept)
    after = PageRequest(limit=query.limit, cursor=query.cursor).after(int)
    rows = selection.resolve(session, series, query, after)
    buckets = buckets_of(series, rows, query)
    settings = {
        "name": series.name,
        "kind": series.kind,
        "timezone": series.timezone,
        "cadence": series.cadence,
        "revision": rows.key.revision,
    }
    return ResultPlan(
        form=form,
        tag=_tag(series, rows, query, form),
        metadata=SeriesMetadata(buckets.channels if buckets else rows.channels, settings),
        rows=rows,
        buckets=buckets,
        max_points=query.max_points,
        limit=query.limit,
    )


def as_json(database: Database, cache: ColumnCache, plan: ResultPlan) -> str:
    """A page of rows, or the whole chart."""
    if plan.max_points is not None:
        (chart,) = _pieces(database, cache, plan)
        return formats.as_json(plan.metadata, chart, limit=None)
    most = plan.limit + 1
    found = [Observations.none(len(plan.metadata.channels))]
    for piece in _pieces(database, cache, plan, most=most):
        found.append(piece)
        if sum(map(len, found)) >= most:
            break
    page = Observations.joined(found).where(slice(most))
    return formats.as_json(plan.metadata, page, limit=plan.limit)


def as_file(database: Database, cache: ColumnCache, plan: ResultPlan) -> Iterator[bytes]:
    """All rows, written while they are read."""
    return WRITERS[plan.form](plan.metadata, _pieces(database, cache, plan))


def _pieces(
    database: Database, cache: ColumnCache, plan: ResultPlan, *, most: int | None = None
) -> Iterator[Observations]:
    """Rows, buckets or the points of a chart; reading stops soon after `most` rows."""
    is_chart = plan.max_points is not None
    if plan.buckets is None:
        pieces = selection.read(database, cache, plan.rows, store=is_chart, most=most)
    else:
        whole_buckets = plan.buckets.selection(plan.rows)
        rows = selection.read(database, cache, whole_buckets, store=True)
        pieces = plan.buckets.aggregate(rows)
    if plan.max_points is None:
        return pieces
    return iter([downsample_pieces(pieces, plan.max_points, len(plan.metadata.channels))])


def _accepted(accept: str) -> Form:
    named = (form for form, media in MEDIA_TYPES.items() if media in accept.lower())
    return next(named, "json")


def _tag(series: Series, rows: Selection, query: ObservationsQuery, form: Form) -> str:
    key = rows.key
    settings = (series.channels, series.kind, series.cadence, series.timezone)
    request = [key.series_id, key.created_at, key.revision, form, query.model_dump(mode="json")]
    content = json.dumps([*request, *settings], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:32]
