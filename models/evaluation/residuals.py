"""Residuals, actual value less forecast: distribution and autocorrelation."""

from typing import Any

import numpy as np

from models.arrays import Values
from models.evaluation.correlation import autocorrelation
from models.evaluation.metrics import Errors, finite

DEFINITION = "actual - forecast"
QUANTILES = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)


def summarise_residuals(
    residuals: Errors, leads: list[int], season: int, *, every_row: bool
) -> list[list[dict[str, Any]]]:
    """Describe the residuals of every target and lead.

    Args:
        residuals: `(origins, leads, targets)`, actual less forecast in the targets' units, in
            time order; NaN is left out.
        leads: Steps ahead.
        season: Steps in a season; 1 if there is none.
        every_row: Whether every row is an origin. If not, neighbours are more than one step
            apart, and autocorrelations are None.

    Returns:
        For each target one entry per lead: `{lead, count, mean, standard_deviation,
        quantiles: {level: residual}, autocorrelation: {lag_1, season}}`; None for a figure that is
        not defined.
    """
    lag_1 = _autocorrelation(residuals, 1, known=every_row)
    seasonal = _autocorrelation(residuals, season, known=every_row and season > 1)
    return [
        [
            {
                "lead": lead,
                **_spread(residuals[:, row, target]),
                "autocorrelation": {
                    "lag_1": finite(lag_1[row, target]),
                    "season": finite(seasonal[row, target]),
                },
            }
            for row, lead in enumerate(leads)
        ]
        for target in range(residuals.shape[-1])
    ]


def _autocorrelation(residuals: Errors, lag: int, *, known: bool) -> Values:
    if not known or lag >= len(residuals):
        return np.full(residuals.shape[1:], np.nan)
    return autocorrelation(residuals, lag)


def _spread(column: Errors) -> dict[str, Any]:
    present = column[np.isfinite(column)]
    if len(present) == 0:
        nothing = dict.fromkeys(map(str, QUANTILES))
        return {"count": 0, "mean": None, "standard_deviation": None, "quantiles": nothing}
    quantiles = np.quantile(present, QUANTILES).tolist()
    return {
        "count": len(present),
        "mean": float(present.mean()),
        "standard_deviation": float(present.std()),
        "quantiles": dict(zip(map(str, QUANTILES), quantiles, strict=True)),
    }
