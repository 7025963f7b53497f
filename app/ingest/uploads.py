"""Uploads: a file is read, stored in one transaction and reported; nothing of a refused one."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import IO, Any, Self, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.calendars.service import hours_of
from app.db import Database
from app.errors import KindDiffers, SeriesChangedMeanwhile, SeriesNotFound, UploadNotFound
from app.forecasts.after_write import after_write
from app.ingest.quarantine import options_like
from app.parsing.options import ReadOptions
from app.parsing.reader import Table, read_table
from app.series import writing
from app.series.channels import channels_of_names, require_known, require_units, sentinels_of
from app.series.gaps import Gaps, describe_gaps
from app.series.observation_schemas import CausedForecast
from app.series.revisions import last_taken_back
from app.series.schemas import SeriesCreate
from app.series.service import ensure_series, get_series, lock_series
from app.series.tables import QuarantinedRow, Series, Upload
from app.times import to_wire
from models.series import SeriesKind

PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """What the sender says beside the file: `options` holds what the address gave."""

    name: str
    options: dict[str, Any]
    create: bool
    kind: SeriesKind | None

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Self:
        """A request that was JSON, which has no tuples, meanwhile."""
        options = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in fields["options"].items()
        }
        return cls(**{**fields, "options": options})


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a series that a file is read with.

    What else is `known` of its channels only spares it hints, and may change meanwhile.
    """

    kind: SeriesKind | None
    timezone: str
    missing: dict[str, list[float]]
    known: dict[str, dict[str, Any]] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Stored:
    """The report of an upload, and whether this request stored it."""

    report: dict[str, Any]
    is_new: bool


@dataclass(frozen=True, slots=True)
class Prepared:
    """An upload on its way: what it is read with, and then what was read.

    Args:
        request: What the sender says.
        sha256: Of the file's bytes.
        settings: Those of the series as they were when reading began.
        earlier: The report of the same bytes, if they are stored already.
        table: What was read.
        like: How the upload was read that this one is to be read like.
    """

    request: UploadRequest
    sha256: str
    settings: Settings
    earlier: dict[str, Any] | None
    table: Table | None = None
    like: dict[str, Any] = field(default_factory=dict)

    @property
    def options(self) -> ReadOptions:
        """How to read the file."""
        settings = self.settings
        given = {"timezone": settings.timezone, **self.like, **self.request.options}
        given.pop("like", None)
        return ReadOptions(
            **given, kind=settings.kind, missing=settings.missing, known=settings.known
        )

    @property
    def rows(self) -> int:
        """How many rows there are to store."""
        return 0 if self.table is None else len(self.table.times)

    def read(
        self, file: IO[bytes], *, limit_bytes: int, tell: Callable[[float], None] = lambda _: None
    ) -> "Prepared":
        """Read the file; `tell` is called with the share that is done."""
        table = read_table(file, self.options, limit_bytes=limit_bytes, tell=tell)
        return replace(self, table=table)


def upload(
    database: Database, request: UploadRequest, file: IO[bytes], *, limit_bytes: int
) -> Stored:
    """Read a file and store its rows; the same bytes again get the first report.

    Raises:
        SeriesNotFound: If there is no such series and none is to be created.
        TooLarge: If the file is larger than the limit once unpacked.
        Invalid: If it cannot be read.
        Conflict: If it does not fit the series, or the series' settings changed meanwhile.
    """
    digest = sha256(file)
    with database.reading() as session:
        prepared = prepare(session, request, digest)
    if prepared.earlier is not None:
        return Stored(prepared.earlier, is_new=False)
    prepared = prepared.read(file, limit_bytes=limit_bytes)
    with database.transaction() as session:
        return store(session, prepared)


def prepare(session: Session, request: UploadRequest, digest: str) -> Prepared:
    """Look at the series and for an earlier upload of the same bytes.

    Raises:
        SeriesNotFound: If there is no such series and none is to be created.
        KindDiffers: If the series is of another kind.
        UploadNotFound: If there is no upload of the number in `like`.
        UploadWithoutNames: If that upload does not say how it was read.
    """
    series = _find(session, request)
    earlier = earlier_upload(session, series, request, digest) if series else None
    found = earlier.report if earlier else None
    like = request.options.get("like")
    read_like = {} if like is None else options_like(get_upload(session, request.name, like))
    return Prepared(request, digest, settings_of(series, request), found, like=read_like)


def store(
    session: Session, prepared: Prepared, *, tell: Callable[[int], None] = lambda _: None
) -> Stored:
    """Store what was read in the caller's transaction; `tell` is called with the rows done.

    Raises:
        SeriesChangedMeanwhile: If the series' settings changed while the file was read.
        ChannelsDiffer, ChannelsMissing, UnitsDiffer: If it does not fit the series.
    """
    request, table = prepared.request, prepared.table
    if prepared.earlier is not None or table is None:
        return Stored(prepared.earlier or {}, is_new=False)
    series = _locked(session, request, table, prepared.options)
    earlier = earlier_upload(session, series, request, prepared.sha256)
    if earlier:
        return Stored(earlier.report, is_new=False)
    if series.revision and settings_of(series, request) != prepared.settings:
        message = "The series' settings changed while the file was read: send it again."
        raise SeriesChangedMeanwhile(message)
    return Stored(store_table(session, series, table, prepared, tell=tell), is_new=True)


def stored_before(
    database: Database, request: UploadRequest, file: IO[bytes], *, is_new: bool
) -> Stored | None:
    """The report of the same bytes, if they are stored already."""
    digest = sha256(file)
    with database.reading() as session:
        found = prepare(session, request, digest).earlier
    return None if found is None else Stored(found, is_new=is_new)


def get_upload(session: Session, name: str, upload_id: int) -> Upload:
    """One upload of a series.

    Raises:
        SeriesNotFound, UploadNotFound: If the series or the upload does not exist.
    """
    series = get_series(session, name)
    found = session.get(Upload, upload_id)
    if found is None or found.series_id != series.id:
        raise UploadNotFound(f"The series {name!r} has no upload {upload_id}.")
    return found


def sha256(file: IO[bytes]) -> str:
    """What the same bytes are known by."""
    digest = hashlib.sha256()
    file.seek(0)
    while piece := file.read(PIECE_BYTES):
        digest.update(piece)
    return digest.hexdigest()


def _find(session: Session, request: UploadRequest) -> Series | None:
    try:
        return get_series(session, request.name)
    except SeriesNotFound as error:
        if request.create:
            return None
        message = f"{error.detail} Create it first, or add `?create=true`."
        raise SeriesNotFound(message) from error


def settings_of(series: Series | None, request: UploadRequest) -> Settings:
    """The settings that a file is read with."""
    if series is None:
        return Settings(request.kind, "UTC", {})
    if request.kind not in (None, series.kind):
        raise KindDiffers(f"`kind` of the series is {series.kind!r}. Received: {request.kind!r}")
    return Settings(
        cast(SeriesKind, series.kind),
        series.timezone,
        sentinels_of(series.channels),
        {channel["name"]: channel for channel in series.channels},
    )


def earlier_upload(
    session: Session, series: Series, request: UploadRequest, sha256: str
) -> Upload | None:
    """The upload of the same bytes, read in the same way, if nothing was taken back since."""
    statement = sa.select(Upload).where(Upload.series_id == series.id, Upload.sha256 == sha256)
    found = session.scalars(statement.order_by(Upload.id.desc()))
    earlier = next((one for one in found if one.parameters == _parameters(request)), None)
    if earlier is None or earlier.report["revision"] < last_taken_back(session, series):
        return None
    if _reads_otherwise(series, earlier.report["dialect"].get("missing", {})):
        return None
    return earlier


def _reads_otherwise(series: Series, missing: dict[str, list[float]]) -> bool:
    """Whether numbers that were taken for missing ones would be stored now."""
    present = sentinels_of(series.channels)
    return any(set(numbers) - set(present.get(name, [])) for name, numbers in missing.items())


def _parameters(request: UploadRequest) -> dict[str, Any]:
    """The options as they are stored: JSON has no tuples."""
    options = request.options.items()
    return {key: list(value) if isinstance(value, tuple) else value for key, value in options}


def _locked(session: Session, request: UploadRequest, table: Table, options: ReadOptions) -> Series:
    if not request.create:
        return lock_series(session, request.name)
    new = SeriesCreate(name=request.name, kind=table.kind, timezone=options.timezone)
    return ensure_series(session, new)


def store_table(
    session: Session,
    series: Series,
    table: Table,
    prepared: Prepared,
    *,
    tell: Callable[[int], None] = lambda _: None,
    split: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Store a table in a series, and its report; `split` says which part of a file it is."""
    if not series.revision:
        series.channels = channels_of_names(table.channels, series.channels, table.settings)
    require_known(table.channels, series.channels)
    require_units(table.settings, series.channels)
    parameters = _parameters(prepared.request)
    row = Upload(series_id=series.id, sha256=prepared.sha256, parameters=parameters, report={})
    session.add(row)
    session.flush()
    batch = writing.Batch(table.times, table.values, table.channels)
    written = writing.write(session, series, batch, source="upload", upload_id=row.id, tell=tell)
    caused = [CausedForecast.model_validate(one) for one in after_write(session, series, written)]
    times, hours = table.times.view("datetime64[us]"), hours_of(session, series.calendar)
    row.report = {
        **_report(row, table, written, describe_gaps(times, series.timezone, hours)),
        "dialect": {**table.dialect, "missing": prepared.settings.missing},
        "forecasts": [one.model_dump(mode="json") for one in caused],
        "series": series.name,
        "split": split,
    }
    _quarantine(session, row, table)
    session.flush()
    return row.report


def _report(row: Upload, table: Table, written: writing.Written, gaps: Gaps) -> dict[str, Any]:
    times = table.times.view("datetime64[us]")
    return {
        "id": row.id,
        "sha256": row.sha256,
        "rows_read": table.rows_read,
        "rows_stored": written.rows_stored,
        "rows_updated": written.rows_updated,
        "rows_unchanged": len(times) - written.rows_stored - written.rows_updated,
        "rows_duplicate": table.rows_duplicate,
        "rows_quarantined": len(table.rejected),
        "first": to_wire(times[0]),
        "last": to_wire(times[-1]),
        "cadence": gaps.cadence,
        "gaps": gaps.summary(),
        "issues": [asdict(issue) for issue in table.issues],
        "revision": written.revision,
    }


def _quarantine(session: Session, row: Upload, table: Table) -> None:
    rows = [
        {"upload_id": row.id, "line": one.line, "reason": one.reason, "text": one.text}
        for one in table.rejected
    ]
    if rows:
        session.execute(sa.insert(QuarantinedRow), rows)
