"""Requests and answers about live performance."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Window = Literal["24h", "7d", "30d", "all"]


class PerformanceQuery(BaseModel):
    """Filters of the figures; without any all figures are shown."""

    model_config = ConfigDict(extra="forbid")

    alias: str | None = Field(None, description="Only the version of this alias.")
    version: str | None = Field(None, description="Only the version of this number.")
    series: str | None = Field(None, description="Only this series.")
    window: Window | None = Field(None, description="Only this window.")
    outliers: Literal["include", "exclude"] = Field(
        "include",
        description="`exclude`: without the points that `outliers` of each target names, and "
        "without those that retention has deleted since (`deleted_outliers`).",
    )


class Figures(BaseModel):
    """Errors of forecasts against the actual values, in the target's unit."""

    count: int = Field(description="Scored points: one for each forecast and observed lead.")
    mae: float
    naive_mae: float | None = Field(
        description="The MAE of the naive forecast: the last value at the same origins."
    )
    skill: float | None = Field(description="1 - mae / naive_mae: 0 is as good as naive.")
    coverage_80: float | None = Field(
        description="Percentage of points whose actual value is inside the 80 % interval."
    )
    coverage_95: float | None
    width_80: float | None = Field(description="Mean width of the 80 % interval.")
    width_95: float | None
    test_mae: float | None = Field(description="The MAE on the test part of the training.")
    test_skill: float | None


class LeadFigures(Figures):
    """The figures of one lead."""

    lead: int


class OutlierRow(BaseModel):
    """A row whose scores are outliers: an actual value far outside of the forecasts' intervals."""

    time: datetime
    actual: float
    points: int = Field(description="Scored points of this row that are outliers.")
    largest_distance: float = Field(
        description="The largest error of these points, of the forecast or of the naive one."
    )


class TargetPerformance(Figures):
    """The figures of one target over all leads, and of each lead."""

    target: str
    unit: str | None
    leads: list[LeadFigures]
    outliers: list[OutlierRow] = Field(
        default_factory=list,
        description="Rows with points whose actual value is more than 5.5 widths of the 95 % "
        "interval away from the forecast, and far from the naive one too: often a row in a wrong "
        "unit. And later rows with errors as large: their forecasts have read it. At most 100. "
        "They are in the figures unless `outliers=exclude`.",
    )
    deleted_outliers: int = Field(
        0,
        description="Outliers among the scores that retention has deleted: their sums stay in the "
        "figures over all time unless `outliers=exclude`.",
    )
    deleted_unchecked: int = Field(
        0,
        description="Scores that an earlier release deleted without a check for outliers: their "
        "sums are in the figures over all time with `outliers=exclude` too.",
    )


class ClassFigures(BaseModel):
    """Scores of class probabilities against the actual classes.

    The references are the class prior (the class frequencies in the training rows) and the
    majority class.
    """

    count: int = Field(description="Scored points: one for each forecast and observed lead.")
    accuracy: float = Field(description="Share of points whose most probable class is the actual.")
    balanced_accuracy: float = Field(
        description="The unweighted mean of the recalls of the observed classes."
    )
    log_loss: float = Field(description="Negative log-likelihood of the observed class, in nats.")
    brier: float = Field(
        description="Brier score: squared distance of the probabilities from the actual class, "
        "from 0 to 2."
    )
    majority_accuracy: float = Field(
        description="The accuracy of always predicting the most frequent class."
    )
    class_prior_accuracy: float = Field(
        description="The mean probability that the class prior gives to the observed class."
    )
    class_prior_log_loss: float
    class_prior_brier: float
    skill: float | None = Field(
        description="1 - log_loss / class_prior_log_loss: 0 is as good as the frequencies alone."
    )
    test_accuracy: float | None = Field(
        description="The accuracy on the test part of the training."
    )
    test_log_loss: float | None
    test_skill: float | None


class ClassLeadFigures(ClassFigures):
    """The figures of one lead."""

    lead: int


class ClassTargetPerformance(ClassFigures):
    """The figures of one target of a model of classes over all leads, and of each lead."""

    target: str
    leads: list[ClassLeadFigures]


class WindowPerformance(BaseModel):
    """The figures of one time window."""

    window: str
    start: datetime | None = Field(description="Points due after this moment; null for `all`.")
    targets: list[TargetPerformance | ClassTargetPerformance]


class VersionPerformance(BaseModel):
    """The figures of one version on one series."""

    version: int
    aliases: list[str]
    series: str
    end: datetime = Field(
        description="The windows end here: at the newest scored step of the model on the series."
    )
    windows: list[WindowPerformance]


class Performance(BaseModel):
    """The figures of a model's live forecasts, by version and series."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "co2-weekly",
                    "items": [
                        {
                            "version": 1,
                            "aliases": ["champion"],
                            "series": "co2",
                            "end": "2002-03-02T00:00:00Z",
                            "windows": [
                                {
                                    "window": "30d",
                                    "start": "2002-01-31T00:00:00Z",
                                    "targets": [
                                        {
                                            "target": "co2",
                                            "unit": "ppm",
                                            "count": 4,
                                            "mae": 0.21,
                                            "naive_mae": 0.35,
                                            "skill": 0.4,
                                            "coverage_80": 75.0,
                                            "coverage_95": 100.0,
                                            "width_80": 0.9,
                                            "width_95": 1.4,
                                            "test_mae": 0.24,
                                            "test_skill": 0.38,
                                            "leads": [],
                                        }
                                    ],
                                }
                            ],
                        }
                    ],
                }
            ]
        }
    )

    model: str
    items: list[VersionPerformance]
