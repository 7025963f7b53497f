"""Requests and answers about drift."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class DriftQuery(BaseModel):
    """The version and the series to check."""

    model_config = ConfigDict(extra="forbid")

    version: str | None = Field(
        None, description="A number, an alias or `latest`; by default the champion, else `latest`."
    )
    series: str | None = Field(
        None, description="A series that the version learnt from; by default its first."
    )


class LiveErrorRead(BaseModel):
    """Errors of the newest forecasts of one target."""

    target: str
    metric: str = Field(description="`mae` in the target's unit, or `log_loss` of classes.")
    steps: int = Field(description="Number of newest scored steps of the series.")
    points: int = Field(
        description="Scored points: one for each forecast and lead due at these steps."
    )
    error: float
    reference: float | None = Field(
        description="The error of the naive forecast, or of the class prior."
    )
    skill: float | None = Field(description="1 - error / reference.")
    expected: float | None = Field(
        description="The error on the test part of the training, for the same leads."
    )
    ratio: float | None = Field(description="error / expected.")


class InputShiftRead(BaseModel):
    """The shift of an input since the training."""

    channel: str
    encoding: str = Field(description="How the network reads it: `level`, `log_return` or `angle`.")
    stability_index: float = Field(
        description="Population stability index of the newest rows, over the deciles of the "
        "training rows and the share of missing values."
    )
    usual: float = Field(
        description="The largest index of the same number of consecutive rows in the held-out "
        "parts, on which the test errors were measured: the effect of season and trend alone."
    )
    excess: float = Field(description="stability_index - usual.")


class DriftFindingRead(BaseModel):
    """A measure that has reached its threshold."""

    kind: str = Field(description="`error_ratio` or `stability_index`.")
    name: str = Field(description="The target, or the input's channel.")
    value: float = Field(description="The error ratio, or the excess of the stability index.")
    sentence: str


class ThresholdsRead(BaseModel):
    """The settings' thresholds from which a measure counts as drift."""

    error_ratio: float | None
    stability_index: float | None = Field(description="Compared with the excess.")


class DriftRead(BaseModel):
    """Whether a version has drifted on a series, with the figures."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "co2-weekly",
                    "version": 1,
                    "series": "co2",
                    "drifted": True,
                    "findings": [
                        {
                            "kind": "error_ratio",
                            "name": "co2",
                            "value": 1.9,
                            "sentence": "The error of co2 over the last 100 scored steps is 1.90 "
                            "times that on the test part (0.46, expected 0.24).",
                        }
                    ],
                    "found_at": "2026-11-21T10:00:00Z",
                    "thresholds": {"error_ratio": 1.5, "stability_index": 0.25},
                    "errors": [
                        {
                            "target": "co2",
                            "metric": "mae",
                            "steps": 100,
                            "points": 1200,
                            "error": 0.46,
                            "reference": 0.5,
                            "skill": 0.08,
                            "expected": 0.24,
                            "ratio": 1.9,
                        }
                    ],
                    "rows": 200,
                    "inputs": [
                        {
                            "channel": "co2",
                            "encoding": "level",
                            "stability_index": 8.3,
                            "usual": 8.3,
                            "excess": 0.0,
                        }
                    ],
                    "inputs_unknown": None,
                }
            ]
        }
    )

    model: str
    version: int
    series: str
    drifted: bool
    findings: list[DriftFindingRead]
    found_at: datetime | None = Field(
        description="When workers found the drift of this champion and notified webhooks; null if "
        "they have not."
    )
    thresholds: ThresholdsRead
    errors: list[LiveErrorRead] = Field(
        description="By target; empty while fewer than half of the watched steps are scored."
    )
    rows: int | None = Field(description="Number of newest rows over which inputs were compared.")
    inputs: list[InputShiftRead]
    inputs_unknown: str | None = Field(
        description="Why the inputs could not be compared; null if they were."
    )
