"""Answers about how forecasts turned out."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Window = Literal["24h", "7d", "30d", "all"]


class CheckCreate(BaseModel):
    """Which states to check."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"series": "co2"}]})

    series: str | None = Field(None, description="Only those of this series; by default all.")


class PerformanceQuery(BaseModel):
    """Which figures are wanted; all where nothing is said."""

    model_config = ConfigDict(extra="forbid")

    alias: str | None = Field(None, description="Only the version of this alias.")
    version: str | None = Field(None, description="Only the version of this number.")
    series: str | None = Field(None, description="Only this series.")
    window: Window | None = Field(None, description="Only this window.")


class Figures(BaseModel):
    """How forecasts compare with what came, in the target's unit."""

    count: int = Field(description="Points: one for each forecast and lead whose truth has come.")
    mae: float
    naive_mae: float | None = Field(description="Of the last value seen at the same origins.")
    skill: float | None = Field(description="1 - mae / naive_mae: 0 is as good as naive.")
    coverage_80: float | None = Field(
        description="Percent of the points whose truth lay inside the 80 % interval."
    )
    coverage_95: float | None
    width_80: float | None = Field(description="Mean width of the 80 % interval.")
    width_95: float | None
    test_mae: float | None = Field(description="The error on the test part, at the training.")
    test_skill: float | None


class LeadFigures(Figures):
    """The figures of one lead."""

    lead: int


class TargetPerformance(Figures):
    """The figures of one target over all leads, and of each lead."""

    target: str
    unit: str | None
    leads: list[LeadFigures]


class ClassFigures(BaseModel):
    """How probabilities of classes compare with what came.

    The references are the class prior (the class frequencies in the training rows) and the
    majority class.
    """

    count: int = Field(description="Points: one for each forecast and lead whose class has come.")
    accuracy: float = Field(description="How often the likeliest class came.")
    balanced_accuracy: float = Field(
        description="The mean of that over the classes that came, each counting the same."
    )
    log_loss: float = Field(description="Negative log-likelihood of the observed class, in nats.")
    brier: float = Field(description="The squared distance from what came, from 0 to 2.")
    majority_accuracy: float = Field(description="Of always saying the most frequent class.")
    class_prior_accuracy: float = Field(
        description="The mean probability that the class prior gives to the observed class."
    )
    class_prior_log_loss: float
    class_prior_brier: float
    skill: float | None = Field(
        description="1 - log_loss / class_prior_log_loss: 0 is as good as the frequencies alone."
    )
    test_accuracy: float | None = Field(description="On the test part, at the training.")
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
    """What came within a window of time."""

    window: str
    start: datetime | None = Field(description="Points due after this moment; null for `all`.")
    targets: list[TargetPerformance | ClassTargetPerformance]


class VersionPerformance(BaseModel):
    """How one version did on one series."""

    version: int
    aliases: list[str]
    series: str
    end: datetime = Field(
        description="The windows end here: at the newest scored step of the model on the series."
    )
    windows: list[WindowPerformance]


class Performance(BaseModel):
    """How a model's live forecasts turned out, by version and series."""

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
