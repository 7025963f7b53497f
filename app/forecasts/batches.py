"""Many forecasts in one call: computed in batches, stored in one transaction."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from sqlalchemy.orm import Session

from app.db import Database
from app.edge.json_bodies import require_storable
from app.errors import Invalid
from app.forecasts import issuing
from app.forecasts.issuing import Issued, Stored
from app.forecasts.schemas import ForecastBatch, ForecastRequest
from app.forecasts.service import issue_requested, lock, requested_version, store
from app.instruments.work import BATCH_FORECAST_SECONDS
from app.live.tables import KeptState
from app.registry.queries import VersionRow
from app.series.tables import Series
from models.serving.batching import run_batched

# After one of these errors the database cannot be used: they fail the whole call.
FATAL = (sa.exc.OperationalError, sa.exc.TimeoutError)

Explain = Callable[[Exception], object]


@dataclass(frozen=True, slots=True)
class BatchForecast:
    """A forecast of the batch, with its row if it is stored already."""

    issued: Issued
    stored: Stored | None

    @property
    def is_stored(self) -> bool:
        """Whether the forecast and its state are stored already."""
        return self.stored is not None and self.issued.state.kept


@dataclass(frozen=True, slots=True)
class Batch:
    """The items of a call before anything is written: forecasts, or errors.

    Equal items share one forecast.
    """

    requests: list[ForecastRequest | Exception]
    made: dict[str, BatchForecast | Exception]

    @property
    def unstored(self) -> list[str]:
        """The keys of the forecasts that have to be written."""
        return [
            key
            for key, made in self.made.items()
            if isinstance(made, BatchForecast) and not made.is_stored
        ]


@BATCH_FORECAST_SECONDS.time()
def make(database: Database, asked: ForecastBatch) -> Batch:
    """Make the forecasts of a call without storing them."""
    requests = [_read(raw) for raw in asked.requests]
    distinct = {_key(each): each for each in requests if isinstance(each, ForecastRequest)}
    with database.reading() as session:
        return Batch(requests, _make_all(session, distinct))


def store_all(session: Session, batch: Batch, explain: Explain) -> str:
    """Store the new forecasts in the caller's transaction.

    Args:
        session: The database.
        batch: The result of `make`.
        explain: Turns an error into plain values.

    Returns:
        The answer as JSON, in the order of the requests.
    """
    results = dict(batch.made)
    new = {key: made for key in batch.unstored if isinstance(made := results[key], BatchForecast)}
    locked = lock(session, [each.issued for each in new.values()])
    for key, each in new.items():
        try:
            with session.begin_nested():
                results[key] = BatchForecast(each.issued, store(session, locked, each.issued))
        except FATAL:
            raise
        except Exception as error:  # a forecast that cannot be stored does not fail the others
            results[key] = error
    return answer(batch.requests, results, explain)


def answer(
    requests: Sequence[ForecastRequest | Exception],
    results: dict[str, BatchForecast | Exception],
    explain: Explain,
) -> str:
    """The answer as JSON: each item as a request of its own would be answered."""
    items = [_item(request, results, explain) for request in requests]
    return f'{{"items": [{", ".join(items)}]}}'


def _item(
    request: ForecastRequest | Exception,
    results: dict[str, BatchForecast | Exception],
    explain: Explain,
) -> str:
    try:
        if isinstance(request, Exception):
            raise request
        found = results[_key(request)]
        if isinstance(found, Exception):
            raise found
        assert found.stored is not None, "every forecast is stored by now"  # noqa: S101
        return found.stored.answer(request).body
    except Exception as error:
        return json.dumps({"error": explain(error)})


def _read(raw: object) -> ForecastRequest | Exception:
    """An item of the call, validated as the body of the route for one model would be."""
    try:
        require_storable(raw)
        return ForecastRequest.model_validate(raw)
    except Invalid as error:
        return error
    except ValidationError as error:
        found = error.errors(include_url=False)
        placed = [{**each, "loc": ("body", *each["loc"])} for each in found]
        return RequestValidationError(placed, body=raw)


def _key(request: ForecastRequest) -> str:
    """The key of equal items: `levels` change only the answer, not the forecast."""
    return json.dumps(request.model_dump(exclude={"levels"}), default=str)


def _make_all(
    session: Session, requests: dict[str, ForecastRequest]
) -> dict[str, BatchForecast | Exception]:
    """The forecasts, version by version: one version's forecasts share its network runs."""
    found: dict[str, BatchForecast | Exception] = {}
    versions: dict[tuple[str, int | str | None], VersionRow | Exception] = {}
    by_version: dict[int, list[tuple[str, VersionRow]]] = {}
    for key, request in requests.items():
        name = (request.model, request.version)
        if name not in versions:
            versions[name] = _version(session, request)
        row = versions[name]
        if isinstance(row, Exception):
            found[key] = row
        else:
            by_version.setdefault(row[0].id, []).append((key, row))
    for version_id, items in by_version.items():
        names = {requests[key].series or row[2].name for key, row in items}
        # While these objects are referenced here, the session returns them without a query each.
        kept = _kept_states(session, version_id, names)
        computations = [issue_requested(session, row, requests[key]) for key, row in items]
        for (key, _), issued in zip(items, run_batched(computations), strict=True):
            found[key] = _looked_up(session, issued)
        del kept
    return found


def _kept_states(session: Session, version_id: int, names: set[str]) -> Sequence[KeptState]:
    statement = (
        sa.select(KeptState)
        .join(Series, Series.id == KeptState.series_id)
        .where(KeptState.version_id == version_id, Series.name.in_(names))
    )
    try:
        return session.scalars(statement).all()
    except (sa.exc.DataError, UnicodeEncodeError):
        # A name that the database cannot store: its own item gets the error.
        return []


def _version(session: Session, request: ForecastRequest) -> VersionRow | Exception:
    try:
        return requested_version(session, request.model, request)
    except FATAL:
        raise
    except Exception as error:
        return error


def _looked_up(session: Session, issued: Issued | Exception) -> BatchForecast | Exception:
    if isinstance(issued, FATAL):
        raise issued
    return (
        issued
        if isinstance(issued, Exception)
        else BatchForecast(issued, issuing.find(session, issued))
    )
