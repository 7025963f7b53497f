"""The service's errors: a class, a status and a problem type for each situation.

A class's name gives its type: `SeriesNotFound` is `urn:statecast:problem:series-not-found`. Leaves
are raised, and `Invalid` if the shape of the request is wrong. `docs/errors.md` lists them all.
Errors of reading a file are drawn in `app/parsing/errors.py`, and `app/parsing_problems.py` adds a
class for each.

ServiceError                      500 error
├── Malformed                     400 malformed
│   ├── MalformedBody             400 malformed-body
│   └── HostRefused               400 host-refused
├── Unauthorized                  401 unauthorized
├── Forbidden                     403 forbidden
│   ├── CrossSiteRefused          403 cross-site-refused
│   ├── ScopeMissing              403 scope-missing
│   └── OtherProject              403 other-project
├── NotFound                      404 not-found
│   ├── SeriesNotFound            404 series-not-found
│   ├── UploadNotFound            404 upload-not-found
│   ├── HeldRowNotFound           404 held-row-not-found
│   ├── ModelNotFound             404 model-not-found
│   ├── VersionNotFound           404 version-not-found
│   ├── NoTrainedVersion          404 no-trained-version
│   ├── VersionSeriesNotFound     404 version-series-not-found
│   ├── AliasNotFound             404 alias-not-found
│   ├── ForecastNotFound          404 forecast-not-found
│   ├── StateNotFound             404 state-not-found
│   ├── BacktestNotFound          404 backtest-not-found
│   ├── ScheduleNotFound          404 schedule-not-found
│   ├── StudyNotFound             404 study-not-found
│   ├── JobNotFound               404 job-not-found
│   ├── CheckpointNotFound        404 checkpoint-not-found
│   ├── WebhookNotFound           404 webhook-not-found
│   └── KeyNotFound               404 key-not-found
├── Conflict                      409 conflict
│   ├── SeriesExists              409 series-exists
│   ├── SeriesInUse               409 series-in-use
│   ├── ChannelsDiffer            409 channels-differ
│   ├── UnitsDiffer               409 units-differ
│   ├── SettingsDiffer            409 settings-differ
│   ├── SeriesChangedMeanwhile    409 series-changed-meanwhile
│   ├── UploadWithoutNames        409 upload-without-names
│   ├── NothingToRestore          409 nothing-to-restore
│   ├── CalendarUnavailable       409 calendar-unavailable
│   ├── VersionNotTrained         409 version-not-trained
│   ├── VersionUnreadable         409 version-unreadable
│   ├── WarmStartDiffers          409 warm-start-differs
│   ├── WarmStartDeleted          409 warm-start-deleted
│   ├── PromotionRefused          409 promotion-refused
│   ├── VersionNotComparable      409 version-not-comparable
│   ├── ChampionChangedMeanwhile  409 champion-changed-meanwhile
│   ├── NothingToRollBack         409 nothing-to-roll-back
│   ├── SeriesNotForecastable     409 series-not-forecastable
│   ├── NoForecastYet             409 no-forecast-yet
│   ├── BacktestNotSucceeded      409 backtest-not-succeeded
│   ├── TooManySchedules          409 too-many-schedules
│   ├── JobAlreadyEnded           409 job-already-ended
│   └── DeletedMeanwhile          409 deleted-meanwhile
├── TooLarge                      413 too-large
│   ├── BodyTooLarge              413 body-too-large
│   ├── UploadTooLarge            413 upload-too-large
│   ├── FileTakesTooLong          413 file-takes-too-long
│   ├── FileTakesTooMuchMemory    413 file-takes-too-much-memory
│   └── BatchTooLarge             413 batch-too-large
├── Invalid                       422 invalid
│   ├── IdempotencyKeyReused      422 idempotency-key-reused
│   ├── UnknownChannel            422 unknown-channel
│   ├── UnknownRevision           422 unknown-revision
│   ├── UnknownPreset             422 unknown-preset
│   ├── KindDiffers               422 kind-differs
│   ├── ChannelsMissing           422 channels-missing
│   ├── NoCadence                 422 no-cadence
│   ├── SeriesIncompatible        422 series-incompatible
│   ├── SeriesNotInPanel          422 series-not-in-panel
│   ├── OriginNotForecastable     422 origin-not-forecastable
│   ├── KnownFutureMissing        422 known-future-missing
│   ├── NoIntervals               422 no-intervals
│   └── WebhookAddressRefused     422 webhook-address-refused
├── TooManyRequests               429 too-many-requests
│   ├── RequestLimitReached       429 request-limit-reached
│   ├── RowLimitReached           429 row-limit-reached
│   ├── ByteLimitReached          429 byte-limit-reached
│   └── JobLimitReached           429 job-limit-reached
├── Unavailable                   503 unavailable
│   ├── DatabaseUnavailable       503 database-unavailable
│   ├── DatabaseOutdated          503 database-outdated
│   ├── FileProcessFailed         503 file-process-failed
│   └── FileProcessesBusy         503 file-processes-busy
└── NoRoom                        507 no-room
    └── DatabaseFull              507 database-full
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from models.errors import Problem

TYPE_PREFIX = "urn:statecast:problem:"
_WORD = re.compile(r"(?<!^)(?=[A-Z])")


class ServiceError(Exception):
    """An unexpected error, which was logged; the base of all others."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    slug: ClassVar[str] = "error"

    def __init_subclass__(cls) -> None:
        cls.slug = _WORD.sub("-", cls.__name__).lower()

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[Problem] = (),
        headers: Mapping[str, str] | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.extensions = dict(extensions or {})


def all_errors(base: type[ServiceError] = ServiceError) -> Iterator[type[ServiceError]]:
    """A class and all its subclasses, in the order of the tree."""
    yield base
    for error in base.__subclasses__():
        yield from all_errors(error)


class Malformed(ServiceError):
    """The request cannot be read."""

    status = HTTPStatus.BAD_REQUEST


class MalformedBody(Malformed):
    """The body is not JSON in UTF-8."""


class HostRefused(Malformed):
    """The service does not answer for the host that the request names."""


class Unauthorized(ServiceError):
    """The API key is missing, wrong, revoked or expired."""

    status = HTTPStatus.UNAUTHORIZED


class Forbidden(ServiceError):
    """The caller may not do this."""

    status = HTTPStatus.FORBIDDEN


class CrossSiteRefused(Forbidden):
    """A page of another site must not change anything here."""


class ScopeMissing(Forbidden):
    """The key lacks the scope that the operation needs; `scope` names it."""


class OtherProject(Forbidden):
    """The key may not make keys of another project."""


class NotFound(ServiceError):
    """What the request names does not exist."""

    status = HTTPStatus.NOT_FOUND


class SeriesNotFound(NotFound):
    """The series does not exist."""


class UploadNotFound(NotFound):
    """The series has no upload of this number."""


class HeldRowNotFound(NotFound):
    """The series has no held row of this number; it may be confirmed or discarded already."""


class ModelNotFound(NotFound):
    """The model does not exist."""


class VersionNotFound(NotFound):
    """The model has no version of this number or alias."""


class NoTrainedVersion(NotFound):
    """The model has no trained version yet."""


class VersionSeriesNotFound(NotFound):
    """The version did not learn from the series."""


class AliasNotFound(NotFound):
    """The model has no such alias."""


class ForecastNotFound(NotFound):
    """The forecast does not exist."""


class StateNotFound(NotFound):
    """The stored state was deleted while a job checked it."""


class BacktestNotFound(NotFound):
    """The model has no such backtest."""


class ScheduleNotFound(NotFound):
    """The model has no schedule of this number."""


class StudyNotFound(NotFound):
    """The study does not exist."""


class JobNotFound(NotFound):
    """The job does not exist."""


class CheckpointNotFound(NotFound):
    """The job has no checkpoint."""


class WebhookNotFound(NotFound):
    """The webhook does not exist."""


class KeyNotFound(NotFound):
    """The key does not exist, or was revoked."""


class Conflict(ServiceError):
    """The request is well formed, but the present state forbids it."""

    status = HTTPStatus.CONFLICT


class SeriesExists(Conflict):
    """The name is taken by another series."""


class SeriesInUse(Conflict):
    """Models or studies use the series; `force` deletes them too."""


class ChannelsDiffer(Conflict):
    """The rows have channels that the series does not have."""


class UnitsDiffer(Conflict):
    """The file's numbers are in other units than those of the series."""


class SettingsDiffer(Conflict):
    """A part of a split file does not fit the kind or time zone of its series."""


class SeriesChangedMeanwhile(Conflict):
    """The series' settings changed while the file was read; send it again."""


class UploadWithoutNames(Conflict):
    """The upload was made by an earlier release, which did not store the names of its columns."""


class NothingToRestore(Conflict):
    """The series has no such revision to restore."""


class CalendarUnavailable(Conflict):
    """The sessions of the exchange cannot be read, or never were."""


class VersionNotTrained(Conflict):
    """The training of the version has not succeeded (yet)."""


class VersionUnreadable(Conflict):
    """This release cannot read the version; train the model again."""


class WarmStartDiffers(Conflict):
    """The version to start from learned from other series."""


class WarmStartDeleted(Conflict):
    """The version to start from was deleted before the training began."""


class PromotionRefused(Conflict):
    """The version does not beat its rivals; `evidence` compares them."""


class VersionNotComparable(Conflict):
    """A series cannot be used to compare the version with its rivals."""


class ChampionChangedMeanwhile(Conflict):
    """The champion changed while the version was compared with it."""


class NothingToRollBack(Conflict):
    """The alias never pointed to another version."""


class SeriesNotForecastable(Conflict):
    """The series cannot be forecast as it is, often because it is too short."""


class NoForecastYet(Conflict):
    """No forecast was made from the last complete step yet."""


class BacktestNotSucceeded(Conflict):
    """The backtest has no points, because its job has not succeeded."""


class TooManySchedules(Conflict):
    """The model has the maximum number of schedules."""


class JobAlreadyEnded(Conflict):
    """The job has ended and cannot be cancelled."""


class DeletedMeanwhile(Conflict):
    """Something that the request needs was deleted in the meantime."""


class TooLarge(ServiceError):
    """The request is larger than a limit of the settings."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class BodyTooLarge(TooLarge):
    """The body is longer than the limit."""


class UploadTooLarge(TooLarge):
    """The uploaded file is longer than the limit."""


class FileTakesTooLong(TooLarge):
    """Reading the file takes longer than the limit."""


class FileTakesTooMuchMemory(TooLarge):
    """Reading the file takes more memory than the limit."""


class BatchTooLarge(TooLarge):
    """The batch has more items than the limit."""


class Invalid(ServiceError):
    """A value of the request cannot work; `errors` names the places."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class IdempotencyKeyReused(Invalid):
    """The `Idempotency-Key` was used for another request."""


class UnknownChannel(Invalid):
    """The series has no channel of this name."""


class UnknownRevision(Invalid):
    """The series has no revision of this number yet."""


class UnknownPreset(Invalid):
    """The preset does not exist."""


class KindDiffers(Invalid):
    """`kind` is not that of the series."""


class ChannelsMissing(Invalid):
    """The rows lack channels that the series was created with."""


class NoCadence(Invalid):
    """The series has too few rows to infer its step, or no regular step."""


class SeriesIncompatible(Invalid):
    """The model cannot read a series of this kind."""


class SeriesNotInPanel(Invalid):
    """The version did not learn from the series, so it cannot be tested on it."""


class OriginNotForecastable(Invalid):
    """The version cannot forecast from this origin, often too early."""


class KnownFutureMissing(Invalid):
    """The forecast needs values of `known_future` that are not given."""


class NoIntervals(Invalid):
    """The forecast has no intervals, and `levels` asks for them."""


class WebhookAddressRefused(Invalid):
    """The webhook's address must not be called."""


class TooManyRequests(ServiceError):
    """A limit is reached; `Retry-After` says when to try again."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class RequestLimitReached(TooManyRequests):
    """The key or the address has sent too many requests in this minute."""


class RowLimitReached(TooManyRequests):
    """The project has written as many rows as it may in a day."""


class ByteLimitReached(TooManyRequests):
    """The project stores as many bytes as it may."""


class JobLimitReached(TooManyRequests):
    """The project has as many jobs in the queue as it may."""


class Unavailable(ServiceError):
    """The service cannot answer now; a later try may succeed."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class DatabaseUnavailable(Unavailable):
    """The database is busy or does not answer; try again."""


class DatabaseOutdated(Unavailable):
    """The database's tables are not those of this release."""


class FileProcessFailed(Unavailable):
    """The process that reads the file ended or could not start."""


class FileProcessesBusy(Unavailable):
    """Other files are being read, and others wait; try again."""


class NoRoom(ServiceError):
    """A disk of the service is full."""

    status = HTTPStatus.INSUFFICIENT_STORAGE


class DatabaseFull(NoRoom):
    """The disk of the database is full; nothing was stored."""
