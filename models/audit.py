"""The leakage audit: that nothing of a later part of the split was learnt from or looked at.

It does not trust the code that it audits: it counts in the batches that training reads, and it
changes the future and looks whether the past moves.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from models.dataset import Dataset, Part, Track
from models.errors import TrainingError
from models.lanes import LaneFeed, Lanes
from models.prepare import Prepared, PreparedSeries, prepare
from models.runtime import Forecaster
from models.series import Rows, SeriesData, Times, Values, as_panel, iso
from models.spec import Spec
from models.splits import split_bounds
from models.windows import WindowFeed, Windows

# What the forecast probe reads around its cut, in grid rows, and how many origins it asks.
PROBE_ROWS_BEFORE = 2000
PROBE_ROWS_AFTER = 200
PROBE_ORIGINS = 64
# Every later value is moved to another row and made that much larger.
PROBE_FACTOR = 3.0
WINDOWS_AT_ONCE = 65_536

Learnt = tuple[Rows, npt.NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class Check:
    """One question of the audit, whether it was passed, and the answer in words."""

    code: str
    passed: bool
    sentence: str


def audit_training(
    spec: Spec,
    data: SeriesData | Sequence[SeriesData],
    prepared: Prepared,
    feed: LaneFeed | WindowFeed,
) -> list[Check]:
    """Check scalers, labels and features before anything is learnt.

    Args:
        spec: The resolved spec.
        data: The whole series, or those of a panel.
        prepared: What training reads.
        feed: Its batches.

    Returns:
        The checks; of a panel those of scalers and features for each series.
    """
    return [
        *(_about(prepared, each, _scaler_range(spec, each)) for each in prepared.series),
        _labels_stay(prepared.dataset, "train", feed.training),
        _labels_stay(prepared.dataset, "validation", feed.validation),
        *_future_probe(spec, as_panel(data), prepared),
    ]


def audit_forecasts(forecaster: Forecaster, prepared: Prepared) -> list[Check]:
    """Check that what is served does not look ahead: change the future, ask about the past.

    Args:
        forecaster: The exported forecaster.
        prepared: The series it was trained on.

    Returns:
        A check for each series.
    """
    # What is declared as known of the future is looked ahead at on purpose.
    known = prepared.pipeline.known_columns
    return [
        _about(prepared, each, _forecast_probe(forecaster.for_series(each.fit.name), each, known))
        for each in prepared.series
    ]


def _forecast_probe(forecaster: Forecaster, series: PreparedSeries, known: Sequence[int]) -> Check:
    track, grid = series.track, series.times
    cut = track.test if track.test < track.end else len(grid) * 3 // 4
    first = max(0, cut - max(PROBE_ROWS_BEFORE, 2 * forecaster.least_rows))
    last = min(cut + PROBE_ROWS_AFTER, len(grid) - 1)
    times, values = series.observed
    near = slice(*np.searchsorted(times, [grid[first], grid[last] + np.timedelta64(1, "us")]))
    times, values = times[near], values[near]
    origins = np.arange(max(first, cut - PROBE_ORIGINS), cut) - np.searchsorted(grid, times[0])
    origins = origins[origins >= 0]
    before, after = (
        forecaster.outputs(times, each, at=origins).said
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


def _about(prepared: Prepared, series: PreparedSeries, check: Check) -> Check:
    """The check with the name of its series, where there are several."""
    if len(prepared.series) == 1:
        return check
    return replace(check, sentence=f"In the series {series.fit.name!r}: {check.sentence}")


def _scaler_range(spec: Spec, series: PreparedSeries) -> Check:
    """Scalers were fitted on rows of the training part."""
    train = split_bounds(series.times, spec.split).train
    first, last = series.times[train.start], series.times[train.stop - 1]
    fitted = series.fitted
    inside = len(fitted) > 0 and first <= fitted[0] and fitted[-1] <= last
    return Check(
        "scaler_range",
        bool(inside),
        f"Scalers were fitted on {len(fitted)} rows from {iso(fitted[0])} to {iso(fitted[-1])}; "
        f"the training part lasts from {iso(first)} to {iso(last)}.",
    )


def _labels_stay(dataset: Dataset, part: Part, batches: Lanes | Windows | None) -> Check:
    """No row of another part has a loss, and no label lies in a later part."""
    labels = outside = 0
    for rows, learnt in _learnt(batches):
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


def _learnt(batches: Lanes | Windows | None) -> Iterator[Learnt]:
    """Rows and, for each of their leads, whether its label has a weight: `(..., leads)`."""
    if isinstance(batches, Lanes):
        for chunk in range(batches.chunks):
            yield batches.rows(chunk), _weighted(batches.dataset, batches.batch(chunk).weights)
    elif batches is not None:
        for first in range(0, len(batches.origins), WINDOWS_AT_ONCE):
            rows = batches.origins[first : first + WINDOWS_AT_ONCE]
            ends = batches.ends[first : first + WINDOWS_AT_ONCE]
            yield rows, _weighted(batches.dataset, batches.dataset.labels(rows, ends)[1])


def _weighted(dataset: Dataset, weights: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    shape = (*weights.shape[:-1], *dataset.scaling.scale.shape)
    return np.asarray((weights.reshape(shape) > 0).any(axis=-1))


def _borders(tracks: tuple[Track, ...], part: Part, rows: Rows) -> tuple[Rows, Rows]:
    """First row and stop of a part, in the track of each row."""
    number = np.searchsorted([track.end for track in tracks], rows, side="right")
    number = np.minimum(number, len(tracks) - 1)
    # Not `Track.span`, which training itself reads.
    spans = {
        "train": [(track.train, track.validation) for track in tracks],
        "validation": [(track.validation, track.test) for track in tracks],
    }
    first, stop = np.array(spans[part]).T
    return first[number], stop[number]


def _future_probe(spec: Spec, panel: Sequence[SeriesData], prepared: Prepared) -> list[Check]:
    """Prepare everything once more, each series with another future after its training part."""
    borders = [
        each.times[each.track.validation] if each.track.validation < len(each.times) else None
        for each in prepared.series
    ]
    if all(border is None for border in borders):
        other = prepared
    else:
        other = prepare(spec, [_changed(*each) for each in zip(panel, borders, strict=True)])
    return [
        _about(prepared, prepared.series[position], check)
        for position, border in enumerate(borders)
        for check in _probe_checks(prepared, other, position, border)
    ]


def _changed(data: SeriesData, border: np.datetime64 | None) -> SeriesData:
    if border is None:
        return data
    return replace(data, values=_with_another_future(data.times, data.values, border))


def _probe_checks(
    prepared: Prepared, other: Prepared, position: int, border: np.datetime64 | None
) -> list[Check]:
    """What became of one series' scalers and features."""
    if border is None:
        sentence = "Nothing lies after the training part that could be changed."
        return [Check(f"future_probe_{what}", True, sentence) for what in ("scalers", "features")]
    probed = _changed_from(border)
    # The highway's lags are chosen with validation rows, and are no scaler.
    scalers_moved = (
        replace(other.pipeline, lags=prepared.pipeline.lags).to_json()
        != prepared.pipeline.to_json()
        or other.series[position].fit.to_json() != prepared.series[position].fit.to_json()
    )
    rows, moved = _moved_features(prepared.dataset, other.dataset, position)
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
    values = "all values but those known of the future" if but_known else "all values"
    return f"With {values} from {iso(moment)} on permuted and multiplied by {PROBE_FACTOR:g},"


def _moved_features(one: Dataset, other: Dataset, series: int) -> tuple[int, int]:
    """Rows of a series before the end of training, over its tracks, and how many differ."""
    rows = moved = 0
    for first, track in zip(one.first_rows, one.tracks, strict=True):
        if track.series != series:
            continue
        past = slice(first, track.validation)
        differ = _differing(one.features[past], other.features[past])
        differ |= _differing(one.base[past], other.base[past])
        rows, moved = rows + len(differ), moved + int(differ.sum())
    return rows, moved


def _with_another_future(
    times: Times, values: Values, start: np.datetime64, kept: Sequence[int] = ()
) -> Values:
    """Rows from a moment on permuted and multiplied, but for some columns."""
    first = int(np.searchsorted(times, start))
    changed = values.copy()
    order = np.random.default_rng(0).permutation(len(values) - first)
    changed[first:] = values[first:][order] * PROBE_FACTOR
    changed[:, kept] = values[:, kept]
    return changed


def _rows_that_differ(one: Values, other: Values) -> int:
    return int(_differing(one, other).sum())


def _differing(
    one: npt.NDArray[np.floating[Any]], other: npt.NDArray[np.floating[Any]]
) -> npt.NDArray[np.bool_]:
    """Rows that are not the same to the last bit; NaN is NaN."""
    differ = (one != other) & ~(np.isnan(one) & np.isnan(other))
    return np.asarray(differ.any(axis=tuple(range(1, one.ndim))))
