"""Comparison of a forecaster's errors with those of its baselines on the same points."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from models.arrays import Values
from models.evaluation.metrics import (
    Errors,
    finite,
    mean_absolute_error,
    root_mean_squared_error,
    skill,
    symmetric_percentage_error,
)
from models.evaluation.significance import diebold_mariano


@dataclass(frozen=True, slots=True)
class Comparison:
    """Errors where the forecaster and all its baselines have a forecast.

    Args:
        actual: `(origins, leads, targets)` in original units; NaN is missing.
        model: Forecast less actual, the same shape; NaN where the actual value or any of the
            forecasts is missing.
        baselines: The same of each baseline, by name, the naive forecast among them.
        scale: `(targets,)`, the divisor of MASE.
    """

    actual: Values
    model: Errors
    baselines: dict[str, Errors]
    scale: Values

    @classmethod
    def of(
        cls, actual: Values, predicted: Values, baselines: dict[str, Values], scale: Values
    ) -> Self:
        """Compare the forecaster and its baselines where all of them have a value.

        The arrays of the forecasts are overwritten with the errors, which saves their copies.

        Args:
            actual: `(origins, leads, targets)` in original units; NaN is missing.
            predicted: The forecaster's forecasts, the same shape.
            baselines: Those of each baseline, by name.
            scale: `(targets,)`, the divisor of MASE.
        """
        every = (predicted, *baselines.values())
        missing = np.isnan(actual)
        for forecasts in every:
            missing |= np.isnan(forecasts)
        for errors in every:
            np.subtract(errors, actual, out=errors)
            errors[missing] = np.nan
        return cls(actual, predicted, baselines, scale)

    def report(
        self, targets: Sequence[str], leads: Sequence[int], overlap: int | None = None
    ) -> dict[str, dict[str, Any]]:
        """Figures by target, over all leads and for each lead.

        Args:
            targets: Names.
            leads: Steps ahead.
            overlap: How many later origins' forecasts overlap with one origin's; None leaves
                `significance` out.

        Returns:
            `{target: {mae, ..., best_baseline, leads: [{lead, mae, ...}], significance}}`; the
            figures beside `leads` are over all leads.
        """
        pooled, by_lead = self._pooled().figures(), self.figures()

        def row(target: int, lead: int | None) -> dict[str, Any]:
            return _row(pooled, 0, target) if lead is None else _row(by_lead, lead, target)

        report = by_target_and_lead(targets, leads, row)
        if overlap is not None:
            for target, figures in enumerate(report.values()):
                figures["significance"] = self.significance(
                    target, figures["best_baseline"], overlap
                )
        return report

    def figures(self) -> dict[str, Errors]:
        """Every figure by its name, `(leads, targets)` each."""
        mae = mean_absolute_error(self.model)
        others = {
            f"{name}_mae": mean_absolute_error(errors) for name, errors in self.baselines.items()
        }
        return {
            "mae": mae,
            "rmse": root_mean_squared_error(self.model),
            "mase": mae / self.scale,
            "smape": symmetric_percentage_error(self.model, self.actual),
            **others,
            "skill": skill(mae, others["naive_mae"]),
        }

    def significance(self, target: int, best: str | None, overlap: int) -> dict[str, Any]:
        """Test the differences from the naive forecast and from the best baseline.

        The loss of an origin is its mean absolute error over leads.

        Args:
            target: Its position.
            best: The name of the best baseline; None if no origin has an error.
            overlap: How many later origins' forecasts overlap with one origin's.
        """
        names = {"naive": "naive", "best_baseline": best}
        return {
            role: None if name is None else self._test(target, name, overlap)
            for role, name in names.items()
        }

    def _test(self, target: int, name: str, overlap: int) -> dict[str, Any]:
        errors = self.baselines[name]
        losses = [loss_by_origin(each)[:, target] for each in (self.model, errors)]
        test = diebold_mariano(
            *losses, overlap=overlap, names=("the model", f"the {_TITLES[name]} forecast")
        )
        return {"baseline": name, **test.to_json()}

    def _pooled(self) -> "Comparison":
        """All leads as one: `(origins * leads, 1, targets)`."""
        shape = (-1, 1, self.model.shape[-1])
        return replace(
            self,
            actual=self.actual.reshape(shape),
            model=self.model.reshape(shape),
            baselines={name: errors.reshape(shape) for name, errors in self.baselines.items()},
        )


_TITLES = {
    "naive": "naive",
    "seasonal_naive": "seasonal naive",
    "drift": "drift",
    "ar": "AR(p)",
}


def by_target_and_lead(
    targets: Sequence[str], leads: Sequence[int], row: Callable[[int, int | None], dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """A report with a row for each target, and in it one for each lead.

    Args:
        targets: Names.
        leads: Steps ahead.
        row: From the positions of a target and of a lead to figures; a lead of None stands for
            all leads together.

    Returns:
        `{target: {**row, leads: [{lead, **row}]}}`.
    """
    return {
        name: {
            **row(target, None),
            "leads": [{"lead": steps, **row(target, lead)} for lead, steps in enumerate(leads)],
        }
        for target, name in enumerate(targets)
    }


def _row(figures: dict[str, Errors], lead: int, target: int) -> dict[str, Any]:
    row = {name: finite(figure[lead, target]) for name, figure in figures.items()}
    return {**row, "best_baseline": best_baseline(row)}


def best_baseline(row: dict[str, float | None]) -> str | None:
    """The baseline with the smallest MAE in a row of figures; the first of equal ones."""
    errors = {name: error for name in _TITLES if (error := row.get(f"{name}_mae")) is not None}
    return min(errors, key=lambda name: errors[name]) if errors else None


def loss_by_origin(errors: Errors) -> Values:
    """Mean absolute error over the leads that have one; of losses their mean.

    Args:
        errors: `(origins, leads, targets)`; NaN is missing.

    Returns:
        `(origins, targets)`; NaN where all leads are missing.
    """
    return mean_absolute_error(errors.swapaxes(0, 1))
