"""What an upload is asked for and read with, before its file is read."""

import hashlib
from dataclasses import dataclass, field
from typing import IO, Any, Self, cast

from app.errors import KindDiffers
from app.parsing.options import ReadOptions
from app.quality.missing_marks import MissingMarks
from app.series.channels import missing_marks_of
from app.series.tables import Series
from models.series import SeriesKind

PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """What the sender asks for beside the file: `options` are the query parameters given."""

    name: str
    options: dict[str, Any]
    create: bool
    kind: SeriesKind | None

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """A request that was stored or sent as JSON."""
        return cls(**{**fields, "options": with_tuples(fields["options"])})

    @property
    def is_split(self) -> bool:
        """Whether the file becomes several series."""
        return "split" in self.options

    @property
    def parameters(self) -> dict[str, Any]:
        """The options as they are stored: JSON has no tuples."""
        options = self.options.items()
        return {key: list(value) if isinstance(value, tuple) else value for key, value in options}


@dataclass(frozen=True, slots=True)
class UploadSettings:
    """The series' settings that a file is read with.

    `known` holds all settings of the channels: they only suppress hints, and may change while the
    file is read. So may `cadence`, which rows written meanwhile can change.
    """

    kind: SeriesKind | None
    timezone: str
    missing: MissingMarks
    known: dict[str, dict[str, Any]] = field(default_factory=dict, compare=False)
    cadence: str | None = field(default=None, compare=False)

    @classmethod
    def of(cls, series: Series | None, request: UploadRequest) -> Self:
        """The settings of a series, or of one that is to be created.

        Raises:
            KindDiffers: If the series is of another kind than the sender says.
        """
        if series is None:
            return cls(request.kind, "UTC", {})
        if request.kind not in (None, series.kind):
            raise KindDiffers(
                f"`kind` of the series is {series.kind!r}. Received: {request.kind!r}"
            )
        return cls(
            cast(SeriesKind, series.kind),
            series.timezone,
            missing_marks_of(series.channels),
            {channel["name"]: channel for channel in series.channels},
            series.cadence,
        )


@dataclass(frozen=True, slots=True)
class StoredUpload:
    """The report of an upload, and whether this request stored it, or leaves it to a job."""

    report: dict[str, Any]
    is_new: bool
    needs_job: bool = False


@dataclass(frozen=True, slots=True)
class PreparedUpload:
    """An upload that is ready to be read.

    Args:
        request: What the sender asks for.
        sha256: The hash of the file's bytes.
        settings: The series' settings when reading began.
        earlier: The report of the same bytes, if they are stored already.
        like: The options of the upload that this one is to be read like.
    """

    request: UploadRequest
    sha256: str
    settings: UploadSettings
    earlier: dict[str, Any] | None = None
    like: dict[str, Any] = field(default_factory=dict)

    @property
    def options(self) -> ReadOptions:
        """How to read the file."""
        settings = self.settings
        given = {**self.like, **self.request.options}
        given.pop("like", None)
        return ReadOptions(
            **given,
            series_timezone=settings.timezone,
            series_cadence=settings.cadence,
            kind=settings.kind,
            missing=settings.missing,
            known=settings.known,
        )


def with_tuples(options: dict[str, Any]) -> dict[str, Any]:
    """Options as they were before they became JSON, which has no tuples."""
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in options.items()
    }


def sha256(file: IO[bytes]) -> str:
    """The hash by which the same bytes are recognised."""
    digest = hashlib.sha256()
    file.seek(0)
    while piece := file.read(PIECE_BYTES):
        digest.update(piece)
    return digest.hexdigest()
