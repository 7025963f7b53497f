"""The leakage audit: check that training and forecasts use nothing of later parts of the split.

It does not rely on the code that it audits: it counts labels in the batches that training reads,
and it changes future values and checks that nothing before them changes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from models.arrays import RowIndices, Times, Values
from models.errors import TrainingError
from models.features.dataset import Batch, Dataset, SplitName, Track
from models.features.lanes import LaneLoader, Lanes
from models.features.prepare import FittedPanel, Prepared, PreparedSeries, TrackPiece, fit_panel
from models.features.windows import WindowLoader, Windows
from models.grid.splits import split_bounds
from models.series import SeriesData, as_panel, iso
from models.serving.forecaster import Forecaster
from models.spec.spec import Spec

# Grid rows that the forecast probe reads before and after its cut, and its number of origins.
PROBE_ROWS_BEFORE = 2000
PROBE_ROWS_AFTER = 200
PROBE_ORIGINS = 64
# Every later value is moved to another row and multiplied by this.
PROBE_FACTOR = 3.0
WINDOWS_AT_ONCE = 65_536

# Rows of a batch, and whether the label at each lead of a row has a weight: `(..., leads)`.
Learnt = tuple[RowIndices, npt.NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the audit: its code, whether it passed, and what was found."""

    code: str
    passed: bool
    sentence: str


def audit_training(
    spec: Spec,
    data: SeriesData | Sequence[SeriesData],
    prepared: Prepared,
    loader: LaneLoader | WindowLoader,
) -> list[Check]:
    """Check scalers, labels and features before the first epoch.

    Args:
        spec: The resolved spec.
        data: The whole series, or those of a panel.
        prepared: What training reads.
        loader: Its batches.

    Returns:
        The checks; for a panel those of scalers and features for each series.
    """
    # Before the labels, because reading these fills the cache of batches: less memory at once.
    panel = as_panel(data)
    probes = _future_probe(spec, panel, prepared)
    return [
        *(
            _about(prepared.series, each, _scaler_range(spec, read, each))
            for read, each in zip(panel, prepared.series, strict=True)
        ),
        _labels_stay(prepared.dataset, "train", _learnt(loader, "train")),
        _labels_stay(prepared.dataset, "validation", _learnt(loader, "validation")),
        *probes,
    ]


def audit_forecasts(
    forecaster: Forecaster, series: Sequence[PreparedSeries], known: Sequence[int] = ()
) -> list[Check]:
    """Check that served forecasts do not look ahead: change future values and compare.

    Args:
        forecaster: The exported forecaster.
        series: What it was trained on.
        known: Columns that are declared as known in the future, which forecasts read ahead on
            purpose; they are not changed.

    Returns:
        A check for each series.
    """
    return [
        _about(series, each, _forecast_probe(forecaster.for_series(each.fit.name), each, known))
        for each in series
    ]


def _forecast_probe(forecaster: Forecaster, series: PreparedSeries, known: Sequence[int]) -> Check:
    track, grid = series.track, series.times
    cut = track.test if track.test < track.end else len(grid) * 3 // 4
    times, values = series.observed
    rule, has_value = series.fit.rule, np.asarray(np.isfinite(values).any(axis=1))
    observed = np.flatnonzero(rule.observed_rows(times, has_value)[1])
    # Rows in a hole repeat the forecast before it, so the probe reads the rows around it.
    probed = observed[observed < cut][-PROBE_ORIGINS:]
    last = np.append(cut, observed[observed >= cut][:PROBE_ROWS_AFTER])[-1]
    first = max(0, int(probed[0]) - max(PROBE_ROWS_BEFORE, 2 * forecaster.least_rows))
    near = slice(*np.searchsorted(times, [grid[first], grid[last] + np.timedelta64(1, "us")]))
    times, values = times[near], values[near]
    origins = probed - np.searchsorted(grid, rule.row_times(times)[0])
    before, after = (
        forecaster.outputs(times, each, at=origins).predicted
        for each in (values, _with_another_future(times, values, grid[cut], known))
    )
    moved = _rows_that_differ(before, after)
    return Check(
        "future_probe_forecasts",
        moved == 0,
        f"{_changed_from(grid[cut], but_known=bool(known))} {moved} of the {len(origins)} "
        "forecasts before changed.",
    )


def audit_report(checks: list[Check]) -> dict[str, Any]:
    """`{passed, checks: [{code, passed, sentence}]}`.

    Raises:
        TrainingError: If a check was not passed; with its sentence.
    """
    failed = [check.sentence for check in checks if not check.passed]
    if failed:
        raise TrainingError(
            "The leakage audit failed: the forecaster would know the future that it is tested "
            f"on. {' '.join(failed)}"
        )
    return {"passed": True, "checks": [asdict(check) for check in checks]}


def _about(panel: Sequence[PreparedSeries], series: PreparedSeries, check: Check) -> Check:
    """The check; in a panel its sentence names the series."""
    if len(panel) == 1:
        return check
    return replace(check, sentence=f"In the series {series.fit.name!r}: {check.sentence}")


def _scaler_range(spec: Spec, data: SeriesData, series: PreparedSeries) -> Check:
    """Check that scalers were fitted on rows of the training part only."""
    rows = series.fit.rule.observed_rows(data.times, data.has_value)
    train = split_bounds(rows[0], spec.split, rows[1]).train
    first, last = series.times[train.start], series.times[train.stop - 1]
    fitted = series.fitted
    inside = len(fitted) > 0 and first <= fitted[0] and fitted[-1] <= last
    return Check(
        "scaler_range",
        bool(inside),
        f"Scalers were fitted on {len(fitted)} rows from {iso(fitted[0])} to {iso(fitted[-1])}; "
        f"the training part lasts from {iso(first)} to {iso(last)}.",
    )


def _labels_stay(dataset: Dataset, part: SplitName, batches: Iterable[Learnt]) -> Check:
    """Check that only rows of the part have a loss, and that no label lies in a later part."""
    labels = outside = 0
    for rows, learnt in batches:
        first, stop = _borders(dataset.tracks, part, rows)
        ahead = rows[..., np.newaxis] + dataset.scaling.leads
        strays = (rows < first)[..., np.newaxis] | (ahead >= stop[..., np.newaxis])
        labels += int(learnt.sum())
        outside += int((learnt & strays).sum())
    return Check(
        f"{part}_labels",
        outside == 0,
        f"Of the {labels} labels of the {part} part, {outside} lie outside of it.",
    )


def _learnt(
    loader: LaneLoader | WindowLoader, part: Literal["train", "validation"]
) -> Iterator[Learnt]:
    """The rows of every batch, and which of their labels have a weight."""
    if isinstance(loader, WindowLoader):
        return _learnt_in_windows(loader.training if part == "train" else loader.validation)
    lanes = loader.training if part == "train" else loader.validation
    batches = loader.train_batches(1) if part == "train" else loader.validation_batches()
    return iter(()) if lanes is None else _learnt_in_lanes(lanes, batches)


def _learnt_in_lanes(lanes: Lanes, batches: Iterable[Batch]) -> Iterator[Learnt]:
    for chunk, batch in enumerate(batches):
        yield lanes.rows(chunk), _weighted(lanes.dataset, batch.weights)


def _learnt_in_windows(windows: Windows) -> Iterator[Learnt]:
    for first in range(0, len(windows.origins), WINDOWS_AT_ONCE):
        rows = windows.origins[first : first + WINDOWS_AT_ONCE]
        ends = windows.ends[first : first + WINDOWS_AT_ONCE]
        yield rows, _weighted(windows.dataset, windows.dataset.labels(rows, ends)[1])


def _weighted(dataset: Dataset, weights: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    shape = (*weights.shape[:-1], *dataset.scaling.scale.shape)
    return np.asarray((weights.reshape(shape) > 0).any(axis=-1))


def _borders(
    tracks: tuple[Track, ...], part: SplitName, rows: RowIndices
) -> tuple[RowIndices, RowIndices]:
    """First row and stop of a part, in the track that each row belongs to."""
    number = np.searchsorted([track.end for track in tracks], rows, side="right")
    number = np.minimum(number, len(tracks) - 1)
    # Computed here instead of by `Track.span`, which training itself uses.
    spans = {
        "train": [(track.train, track.validation) for track in tracks],
        "validation": [(track.validation, track.test) for track in tracks],
    }
    first, stop = np.array(spans[part]).T
    return first[number], stop[number]


def _future_probe(spec: Spec, panel: Sequence[SeriesData], prepared: Prepared) -> list[Check]:
    """Prepare all series again with changed values after their training parts, and compare."""
    borders = [
        each.times[each.track.validation] if each.track.validation < len(each.times) else None
        for each in prepared.series
    ]
    if all(border is None for border in borders):
        found = [_NOTHING_TO_CHANGE] * len(borders)
    else:
        other = fit_panel(spec, [_changed(*each) for each in zip(panel, borders, strict=True)])
        found = _probe_checks(prepared, other, borders)
    return [
        _about(prepared.series, series, check)
        for series, checks in zip(prepared.series, found, strict=True)
        for check in checks
    ]


def _changed(data: SeriesData, border: np.datetime64 | None) -> SeriesData:
    if border is None:
        return data
    return replace(data, values=_with_another_future(data.times, data.values, border))


def _probe_checks(
    prepared: Prepared, other: FittedPanel, borders: Sequence[np.datetime64 | None]
) -> list[list[Check]]:
    """Whether the scalers and features of each series changed."""
    # The highway's lags are chosen on validation rows and are not a scaler, so they stay.
    fitted, changed = prepared.pipeline, replace(other.rule.pipeline, lags=prepared.pipeline.lags)
    pipeline_moved = changed.to_json() != fitted.to_json()
    rows, moved = _moved_features(prepared.dataset, other.pieces())
    found = []
    for position, border in enumerate(borders):
        if border is None:
            found.append(_NOTHING_TO_CHANGE)
            continue
        fit, fit_now = prepared.series[position].fit, other.fits[position]
        scalers_moved = pipeline_moved or fit_now.to_json() != fit.to_json()
        found.append(_probed(border, scalers_moved, int(rows[position]), int(moved[position])))
    return found


_NOTHING_TO_CHANGE = [
    Check(
        f"future_probe_{what}",
        True,
        "The series has no values after its training part.",
    )
    for what in ("scalers", "features")
]


def _probed(border: np.datetime64, scalers_moved: bool, rows: int, moved: int) -> list[Check]:
    probed = _changed_from(border)
    return [
        Check(
            "future_probe_scalers",
            not scalers_moved,
            f"{probed} the scalers {'changed' if scalers_moved else 'stayed the same'}.",
        ),
        Check(
            "future_probe_features",
            moved == 0,
            f"{probed} the features of {moved} of the {rows} rows before changed.",
        ),
    ]


def _changed_from(moment: np.datetime64, *, but_known: bool = False) -> str:
    values = "all values except those known in the future" if but_known else "all values"
    return f"With {values} from {iso(moment)} on permuted and multiplied by {PROBE_FACTOR:g},"


def _moved_features(one: Dataset, other: Iterable[TrackPiece]) -> tuple[RowIndices, RowIndices]:
    """How many rows each series has before the end of training, and how many of them differ.

    The other features are compared piece by piece, which needs less memory than all at once.
    """
    series = np.array([track.series for track in one.tracks])
    ends = np.array([track.validation for track in one.tracks])
    rows = np.bincount(series, ends - one.first_rows).astype(np.int64)
    moved = np.zeros(len(rows), np.int64)
    for piece in other:
        track = int(np.searchsorted(one.first_rows, piece.rows.start, side="right")) - 1
        past = slice(piece.rows.start, min(piece.rows.stop, int(ends[track])))
        count = max(0, past.stop - past.start)
        differ = _differing(one.features[past], piece.features[:count])
        differ |= _differing(one.base[past], piece.base[:count])
        moved[series[track]] += int(differ.sum())
    return rows, moved


def _with_another_future(
    times: Times, values: Values, start: np.datetime64, unchanged: Sequence[int] = ()
) -> Values:
    """Rows from a moment on permuted and multiplied, except in the columns `unchanged`."""
    first = int(np.searchsorted(times, start))
    changed = values.copy()
    order = np.random.default_rng(0).permutation(len(values) - first)
    # In place: the changed series is a copy already.
    np.take(values[first:], order, axis=0, out=changed[first:], mode="clip")
    changed[first:] *= PROBE_FACTOR
    changed[:, unchanged] = values[:, unchanged]
    return changed


def _rows_that_differ(one: Values, other: Values) -> int:
    return int(_differing(one, other).sum())


def _differing(
    one: npt.NDArray[np.floating[Any]], other: npt.NDArray[np.floating[Any]]
) -> npt.NDArray[np.bool_]:
    """Which rows are not bitwise the same, where NaN equals NaN: `(rows,)`."""
    differ = (one != other) & ~(np.isnan(one) & np.isnan(other))
    return np.asarray(differ.any(axis=tuple(range(1, one.ndim))))
