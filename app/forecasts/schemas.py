"""Requests and answers about forecasts."""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from app.edge.limits import VersionNumber
from app.forecasts.intervals import DEFAULT_LEVELS, MOST_LEVELS
from app.problems import ProblemDetails
from app.times import AwareMoment
from models.serving.intervals import LEVELS


class KnownFuture(BaseModel):
    """Values of known-future channels at the steps of a forecast, in the form of observations."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "columns": ["time", "promotion"],
                    "rows": [["2024-06-01T00:00:00Z", 1], ["2024-06-02T00:00:00Z", 0]],
                }
            ]
        },
    )

    columns: list[str] = Field(
        description='"time" and names of known-future channels, in the order of the rows\' fields.'
    )
    # Fields are checked where they are read, so that errors point at single fields.
    rows: list[list[Any]] = Field(
        min_length=1,
        description="Each row: a time in ISO 8601 with an offset, and numbers. Times are steps "
        "after the origin, at the cadence of the forecaster; a value applies to its whole step.",
    )


class ForecastCreate(BaseModel):
    """What to forecast; all fields are optional."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {},
                {"origin": "1994-06-04T00:00:00Z"},
                {"series": "co2-barrow"},
                {"version": "challenger"},
            ]
        },
    )

    version: VersionNumber | str | None = Field(
        None,
        description="A version's number, an alias, or `latest` for the newest trained one. By "
        "default `champion` if there is one, else `latest`.",
    )
    series: str | None = Field(
        None,
        description="By default the series that the model learnt from, the first one of a panel. "
        "Any other series with the same kind, cadence, calendar and channels is possible: it is "
        "scaled by its own first observations.",
    )
    origin: AwareMoment | None = Field(
        None,
        description="Only observations up to this moment are used; by default all. The answer "
        "names the last complete step before it.",
    )
    levels: list[Annotated[float, Field(gt=0, le=LEVELS[-1])]] = Field(
        default_factory=lambda: list(DEFAULT_LEVELS),
        max_length=MOST_LEVELS,
        description="Interval levels in percent: each adds `lower_80`, `upper_80` and so on to "
        "the points. Models without a validation part have no intervals.",
    )
    known_future: KnownFuture | None = Field(
        None,
        description="Values of the version's `known_future` channels at the times of the leads. "
        "Omitted values are taken from the series if it has observations after the origin.",
    )


class ForecastRequest(ForecastCreate):
    """One item of a batch: a model, and what to forecast with it."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"model": "co2-weekly"}]}
    )

    model: str


class ForecastBatch(BaseModel):
    """Several forecasts of any models and series."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "requests": [
                        {"model": "co2-weekly"},
                        {"model": "co2-weekly", "series": "co2-barrow", "levels": [90]},
                    ]
                }
            ]
        },
    )

    # Each item is validated where it is read, so that an invalid one does not fail the others.
    requests: list[SkipValidation[ForecastRequest]] = Field(
        description="Answered in this order; `STATECAST_FORECAST_BATCH_ITEMS` (100) at most."
    )


class ForecastPoint(BaseModel):
    """One target at one moment, in the target's unit."""

    time: datetime
    lead: int = Field(description="Steps after the origin.")
    target: str
    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "additionalProperties": {
                "type": ["number", "boolean", "string", "null"],
                "description": "`lower_L` and `upper_L`: the actual value lies between them with a "
                "probability of L percent. After the first observation, `actual`, `error` (value "
                "less actual), `inside_80` and `inside_95`; null for points not observed yet. For "
                "a model of classes `actual`, `actual_class`, and scores: `probability` (of the "
                "actual class), `log_loss`, `brier` (0 to 2) and `correct`, with "
                "`class_prior_probability`, `class_prior_log_loss` and `class_prior_brier` for the "
                "frequencies in the training rows and `majority_correct` for their most frequent "
                "class. A direction is measured from `naive`; an unchanged value without a dead "
                "band does not belong to a class.",
            }
        },
    )

    value: float | None = Field(
        description="The forecast; the median for a quantile model; `null` for a model of classes."
    )
    class_: str | None = Field(
        None, alias="class", description="The most probable class; only for a model of classes."
    )
    probabilities: dict[str, float] | None = Field(
        None,
        description="The probability of every class (`down`, `flat`, `up` of a direction; `0`, "
        "`1`, ... of a classification); only for a model of classes.",
        examples=[{"down": 0.21, "flat": 0.5, "up": 0.29}],
    )
    naive: float | None = Field(
        description="The naive forecast: the last value up to the origin; `null` without one."
    )


class ForecastRead(BaseModel):
    """A stored forecast, unique by version, series, origin, revision and known future."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "4f2d1c0b9a884e3f8d7c6b5a49382716",
                    "model": "co2-weekly",
                    "version": 1,
                    "series": "co2",
                    "origin": "2001-12-29T00:00:00Z",
                    "data_revision": 1,
                    "cadence": "7D",
                    "target_units": {"co2": "ppm"},
                    "known_future": None,
                    "calendar_known_until": None,
                    "created_at": "2026-11-21T12:00:00Z",
                    "points": [
                        {
                            "time": "2002-01-05T00:00:00Z",
                            "lead": 1,
                            "target": "co2",
                            "value": 371.69,
                            "naive": 371.5,
                            "lower_80": 371.1,
                            "upper_80": 372.2,
                            "lower_95": 370.7,
                            "upper_95": 372.6,
                        }
                    ],
                }
            ]
        }
    )

    id: str
    model: str
    version: int
    series: str
    origin: datetime = Field(description="The last step that the forecast has read.")
    data_revision: int
    cadence: str
    target_units: dict[str, str | None]
    known_future: KnownFuture | None = Field(description="The known-future values of the forecast.")
    calendar_known_until: date | None = Field(
        None,
        description="The last day for which the sessions of the series' exchange were known: later "
        "points have the times of a usual week, which holidays may change. Null for other "
        "calendars.",
    )
    created_at: datetime
    points: list[ForecastPoint]


class ForecastRefused(BaseModel):
    """The error of an item whose forecast could not be made."""

    error: ProblemDetails = Field(
        description="The problem that a single request would return; pointers start at the item."
    )


class ForecastsRead(BaseModel):
    """Forecasts or errors, in the order of the requests."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "error": {
                                "type": "urn:statecast:problem:model-not-found",
                                "title": "Not Found",
                                "status": 404,
                                "detail": "The model 'co2-weekly' does not exist.",
                            }
                        }
                    ]
                }
            ]
        }
    )

    items: list[ForecastRead | ForecastRefused]


class ForecastSummary(BaseModel):
    """An item in the list of stored forecasts."""

    id: str
    model: str
    version: int
    series: str
    origin: datetime
    data_revision: int
    created_at: datetime
