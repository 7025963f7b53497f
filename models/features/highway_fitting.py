"""Fit the highway in closed form: the number of lags, shared weights or not, and the weights.

Normal equations are built once from the training rows, for the largest number of lags; those of
fewer lags are a corner of them. So a dozen candidates cost little more than one. The candidate
with the smallest error on the validation rows is chosen, if its error is smaller than without a
highway.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any, Self

import numpy as np

from models.arrays import Floats, RowIndices, Values
from models.features.dataset import Dataset, SplitName
from models.features.highway import Highway
from models.features.lags import LagTable
from models.spec.spec import HighwaySpec

# Added to the diagonal of the normal equations, as a share of its mean.
RIDGES = (1e-4, 1e-2, 1e-1, 1.0)
# Numbers of lags to try: in seasons, and in steps if the season is too long.
SEASONS = (1, 2, 4, 7, 14)
STEPS_WITHOUT_SEASON = (4, 8, 16, 32, 64)
MOST_LAGS = 336
# Each lag needs several rows to be learnt from.
ROWS_PER_LAG = 8
# More rows do not improve the weights.
MOST_ROWS = 20_000
MOST_ROWS_TO_CHOOSE_ON = 5_000
# Smaller relative gains are within chance.
LEAST_GAIN = 0.005
# Least squares made robust by reweighting rows (Holland & Welsch 1977,
# doi:10.1080/03610927708827533): two rounds come close to the least absolute error.
REWEIGHTINGS = 2
LEAST_SHARE_OF_MEDIAN = 0.1

PENALTIES: dict[str, Callable[[Values], Values]] = {"mse": np.square}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate highway."""

    lags: int
    shared: bool
    ridge: float


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen highway and the report of the choice.

    Args:
        highway: None if every candidate is worse than having no highway.
        report: `{lags, shared, ridge, part, error, error_without, candidates}` as JSON values;
            errors are means in scaled units over the rows of `part`.
    """

    highway: Highway | None
    report: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Samples:
    """Rows to fit or to measure on.

    Args:
        table: The lags of all rows.
        rows: `(rows,)`.
        labels: `(targets, rows, leads)` in scaled units.
        known: `(targets, rows)`, 1 where all leads of a row are known, else 0.
    """

    table: LagTable
    rows: RowIndices
    labels: Floats
    known: Values

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        table: LagTable,
        rows_and_ends: tuple[RowIndices, RowIndices],
        most: int,
    ) -> Self:
        """At most `most` evenly spaced rows."""
        rows, ends = rows_and_ends
        picks = np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(np.int64)
        labels, weights = dataset.labels(rows[picks], ends[picks])
        shape = (len(picks), *dataset.scaling.scale.shape)
        return cls(
            table=table,
            rows=rows[picks],
            labels=np.ascontiguousarray(labels.reshape(shape).transpose(2, 0, 1)),
            known=weights.reshape(shape).all(axis=1).T.astype(float),
        )

    def row_penalties(
        self, maps: Sequence[Floats], penalty: Callable[[Values], Values]
    ) -> list[Values]:
        """Penalties of the errors of several maps, summed over leads.

        Lags are gathered once for all maps: gathering costs more than the products.

        Args:
            maps: `(targets, lags, leads)` each.
            penalty: The penalty of an error, such as its square.

        Returns:
            `(targets, rows)` for each map.
        """
        found = [np.empty(self.known.shape) for _ in maps]
        for piece, lags in self.table.pieces(self.rows):
            labels = self.labels[:, piece].astype(np.float64)
            for sums, weights in zip(found, maps, strict=True):
                predicted = np.matmul(lags[..., : weights.shape[1]].transpose(1, 0, 2), weights)
                sums[:, piece] = penalty(labels - predicted).sum(axis=-1)
        return found

    def error(self, row_penalties: Values) -> float:
        """The mean penalty over all rows whose labels are known."""
        total = self.known.sum() * self.labels.shape[-1]
        return float((row_penalties * self.known).sum() / max(total, 1.0))


@dataclass(frozen=True, slots=True)
class NormalEquations:
    """Normal equations of a linear map from lags to leads.

    Args:
        gram: `(targets, lags, lags)`.
        moment: `(targets, lags, leads)`.
    """

    gram: Values
    moment: Values

    @classmethod
    def of(cls, samples: Samples, row_weights: Values, lags: int) -> Self:
        """Sum the equations over rows.

        Args:
            samples: The rows.
            row_weights: `(targets, rows)`.
            lags: Number of lags.
        """
        targets, _, leads = samples.labels.shape
        gram, moment = np.zeros((targets, lags, lags)), np.zeros((targets, lags, leads))
        for piece, found in samples.table.pieces(samples.rows):
            for target in range(targets):
                inputs = found[:, target, :lags]
                weighted = inputs * row_weights[target, piece, np.newaxis].astype(np.float32)
                gram[target] += weighted.T @ inputs
                moment[target] += weighted.T @ samples.labels[target, piece]
        return cls(gram, moment)

    def solve(self, candidate: Candidate) -> Floats:
        """The weights of a candidate, `(targets, lags, leads)`."""
        lags = candidate.lags
        gram, moment = self.gram[:, :lags, :lags], self.moment[:, :lags]
        if candidate.shared:
            gram, moment = gram.sum(axis=0, keepdims=True), moment.sum(axis=0, keepdims=True)
        diagonal = np.einsum("tll->t", gram) / lags
        ridge = candidate.ridge * np.maximum(diagonal, 1e-12)
        solved = np.linalg.solve(gram + ridge[:, np.newaxis, np.newaxis] * np.eye(lags), moment)
        return np.repeat(solved, len(self.gram) // len(solved), axis=0).astype(np.float32)


def choose_highway(dataset: Dataset, wanted: HighwaySpec, season: int, loss: str) -> Choice:
    """Fit the highway of a dataset.

    Args:
        dataset: The arrays; their scaling is fitted.
        wanted: The fields that the spec fixes; the others are chosen.
        season: Rows in the natural cycle; 1 if there is none.
        loss: The spec's loss: with `mse` the fit is least squares, else a robust one.
    """
    part: SplitName = "validation" if dataset.row_count("validation") > 0 else "train"
    candidates = _candidates(dataset, wanted, season)
    most = max(candidate.lags for candidate in candidates)
    table = LagTable.of(dataset.lag_readers(most), dataset.base, dataset.first_rows)
    fitted_on, measured_on = _samples(dataset, table, part)
    equations = NormalEquations.of(fitted_on, fitted_on.known, most)
    penalty = PENALTIES.get(loss, np.abs)
    without = measured_on.error(penalty(measured_on.labels.astype(np.float64)).sum(axis=-1))
    maps = [equations.solve(candidate) for candidate in candidates]
    errors = [measured_on.error(each) for each in measured_on.row_penalties(maps, penalty)]
    best = candidates[int(np.argmin(errors))]
    report = {
        "part": part,
        "error": min(errors),
        "error_without": without,
        "candidates": [
            {**asdict(candidate), "error": error}
            for candidate, error in zip(candidates, errors, strict=True)
        ],
    }
    free = wanted.lags is None
    if free and not min(errors) < (1 - LEAST_GAIN) * without:
        return Choice(None, {"lags": None, "shared": None, "ridge": None, **report})
    if loss == "mse":
        weights = equations.solve(best)
    else:
        weights = _robust_weights(fitted_on, best, equations.solve(best))
    highway = Highway(replace(table.reader, lags=best.lags), best.shared, weights)
    return Choice(highway, {**asdict(best), **report})


def _candidates(dataset: Dataset, wanted: HighwaySpec, season: int) -> list[Candidate]:
    targets = dataset.actual.shape[1]
    shared = [wanted.shared] if wanted.shared is not None else [False, True][: min(2, targets)]
    lags = [wanted.lags] if wanted.lags is not None else _lag_choices(dataset, season)
    return [Candidate(*each) for each in product(lags, shared, RIDGES)]


def _lag_choices(dataset: Dataset, season: int) -> list[int]:
    most = max(1, min(MOST_LAGS, dataset.row_count("train") // ROWS_PER_LAG))
    steps = [season * count for count in SEASONS] if 1 < season <= most else STEPS_WITHOUT_SEASON
    return [each for each in steps if each <= most] or [most]


def _samples(dataset: Dataset, table: LagTable, part: SplitName) -> tuple[Samples, Samples]:
    """Rows to fit on and rows to choose on: without validation, the last fifth of training."""
    rows, ends = _rows_with_labels(dataset, "train")
    if part == "validation":
        held_out = _rows_with_labels(dataset, "validation")
    else:
        border = len(rows) * 4 // 5
        held_out = rows[border:], ends[border:]
        fitted = max(1, border - int(dataset.scaling.leads[-1]))
        rows, ends = rows[:fitted], ends[:fitted]
    return (
        Samples.of(dataset, table, (rows, ends), MOST_ROWS),
        Samples.of(dataset, table, held_out, MOST_ROWS_TO_CHOOSE_ON),
    )


def _rows_with_labels(dataset: Dataset, part: SplitName) -> tuple[RowIndices, RowIndices]:
    """The rows of a part whose labels all lie in it, and the row at which labels end."""
    farthest = int(dataset.scaling.leads[-1])
    spans = [track.span(part) for track in dataset.tracks]
    rows = [np.arange(first, stop - farthest) for first, stop in spans]
    ends = [np.full(len(some), stop) for some, (_, stop) in zip(rows, spans, strict=True)]
    return np.concatenate(rows), np.concatenate(ends)


def _robust_weights(samples: Samples, best: Candidate, weights: Floats) -> Floats:
    """Weights that are closer to the least absolute error than least-squares weights."""
    for _ in range(REWEIGHTINGS):
        (sums,) = samples.row_penalties([weights], np.abs)
        size = sums / samples.labels.shape[-1]
        usual = np.median(size, axis=1, keepdims=True)
        row_weights = 1 / np.maximum(size, LEAST_SHARE_OF_MEDIAN * usual + 1e-12)
        row_weights *= samples.known / row_weights.mean(axis=1, keepdims=True)
        weights = NormalEquations.of(samples, row_weights, best.lags).solve(best)
    return weights
