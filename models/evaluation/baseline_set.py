"""The baselines of one report: fitted once on training rows, forecast from the same origins."""

from dataclasses import dataclass
from typing import Any, Self

from models.arrays import Values
from models.evaluation.autoregression import Autoregression, autoregressive
from models.evaluation.baselines import Leads, Origins, drift, naive, seasonal_naive
from models.evaluation.seasonality import Season, find_season
from models.features.scaling import Transform

BASELINES = ("naive", "seasonal_naive", "drift", "ar")


@dataclass(frozen=True, slots=True)
class BaselineSet:
    """The baselines that every report compares a forecaster with.

    Args:
        season: The season of the seasonal naive forecast.
        autoregressions: One AR(p) for each target.
    """

    season: Season
    autoregressions: list[Autoregression]

    @classmethod
    def fit(cls, rows: Values, natural_season: int, transform: Transform) -> Self:
        """Choose the season and estimate AR(p); the other baselines have no parameters.

        Args:
            rows: `(rows, targets)` of training rows in original units; NaN is missing.
            natural_season: Steps in the cadence's natural cycle; 1 if it has none.
            transform: That of the forecaster's targets; with `log_return` AR(p) models logarithms.
        """
        season = find_season(rows, natural_season)
        logged = transform == "log_return"
        return cls(
            season, [Autoregression.fit(each, season.steps, logged=logged) for each in rows.T]
        )

    def forecasts(self, values: Values, leads: Leads, at: Origins) -> dict[str, Values]:
        """The forecasts of each baseline from the same origins, by its name.

        Args:
            values: `(rows, targets)` of the whole series; NaN is missing.
            leads: `(leads,)`, steps ahead, increasing.
            at: `(origins,)`, the rows to forecast from.

        Returns:
            `(origins, leads, targets)` in original units for each name of `BASELINES`.
        """
        forecasts = (
            naive(values, leads, at),
            seasonal_naive(values, leads, self.season.steps, at),
            drift(values, leads, at),
            autoregressive(self.autoregressions, values, leads, at),
        )
        return dict(zip(BASELINES, forecasts, strict=True))

    def to_json(self, targets: tuple[str, ...]) -> dict[str, Any]:
        """Season, and the order and rows of every target's AR(p)."""
        models = zip(targets, self.autoregressions, strict=True)
        return {
            "season": self.season.to_json(),
            "ar": {
                name: {"order": model.order, "rows": model.rows, "logged": model.logged}
                for name, model in models
            },
        }
