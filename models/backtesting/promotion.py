"""Promotion: whether a forecaster beats the baselines and the current champion."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

import numpy as np

from models.arrays import Values
from models.backtesting.held_out_losses import Excerpt, Losses, held_out_losses
from models.evaluation.metrics import finite
from models.evaluation.significance import SIGNIFICANT, diebold_mariano
from models.serving.forecaster import Forecaster

TITLES = {
    "naive": "the naive forecast",
    "seasonal_naive": "the seasonal naive forecast",
    "class_prior": "the class prior",
    "champion": "the present champion",
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """The comparison of a forecaster with one rival.

    Args:
        against: `naive` and `seasonal_naive`, or `class_prior` where classes are
            predicted; `champion`.
        metric: `mae` in the target's unit; `relative_mae` in units of the naive forecast's MAE,
            the mean over several targets or series; `log_loss` of probabilities, in nats.
        value: The metric of the forecaster; None without compared origins.
        other: That of the rival.
        skill: 1 - value / other.
        p_value: That of the Diebold-Mariano test; None if no test is possible.
        origins: How many origins were compared.
        passed: Whether the rival is beaten.
        sentence: What it means.
    """

    against: str
    metric: str
    value: float | None
    other: float | None
    skill: float | None
    p_value: float | None
    origins: int
    passed: bool
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """The evidence as plain values."""
        return asdict(self)


def compare_with_rivals(
    candidate: Forecaster,
    champion: Forecaster | None,
    excerpts: Iterable[Excerpt],
    *,
    margin: float,
    name: str,
) -> list[Evidence]:
    """Compare a forecaster with its rivals, on the same origins of every series.

    A rival is beaten if the skill relative to it is at least the margin and the Diebold-Mariano
    test finds the difference significant. Losses are absolute errors, or log losses of
    probabilities. With several targets or series, errors are divided by the naive forecast's mean
    error of each, and the loss of a moment is their mean.

    Args:
        candidate: The forecaster to be promoted.
        champion: The current champion; None if there is none.
        excerpts: Each series that the candidate learnt from; one is in memory at a time.
        margin: The least skill.
        name: The candidate's name in the sentences.

    Returns:
        One comparison for each rival.
    """
    objection = None if champion is None else _objection(candidate, champion)
    rival = champion if objection is None else None
    losses = [held_out_losses(candidate, rival, excerpt) for excerpt in excerpts]
    metric = _metric(candidate, losses)
    rivals = {against for each in losses for against in each.rivals}
    found = [
        _compare(losses, against, metric, margin, name) for against in TITLES if against in rivals
    ]
    if objection is not None:
        sentence = f"A comparison of {name} with the present champion is not possible: {objection}."
        found.append(Evidence("champion", metric, None, None, None, None, 0, False, sentence))
    return found


def _objection(candidate: Forecaster, champion: Forecaster) -> str | None:
    """Why the losses of two forecasters cannot be compared; None if they can."""
    of_candidate, of_champion = (set(_series_names(each)) for each in (candidate, champion))
    conditions = {
        "they have different targets": candidate.targets == champion.targets,
        "they do not predict the same classes": candidate.classes == champion.classes,
        "their steps differ": candidate.rule.step == champion.rule.step,
        "their aggregates differ": candidate.rule.aggregate == champion.rule.aggregate,
        "they have no common lead": bool(np.isin(candidate.leads, champion.leads).any()),
        "they learnt from different series": bool(of_candidate & of_champion),
    }
    return next((objection for objection, holds in conditions.items() if not holds), None)


def _series_names(forecaster: Forecaster) -> list[str]:
    manifest = forecaster.manifest
    return [each["name"] for each in manifest["panel"] or [manifest["series"]]]


def _metric(candidate: Forecaster, losses: Sequence[Losses]) -> str:
    if candidate.classes is not None:
        return "log_loss"
    return "mae" if len(losses) == len(candidate.targets) == 1 else "relative_mae"


def _compare(
    losses: Sequence[Losses], against: str, metric: str, margin: float, name: str
) -> Evidence:
    shared = [each for each in losses if against in each.rivals]
    pair = _pooled(shared, against, relative=metric == "relative_mae")
    overlap = _overlap(shared, len(pair[0]))
    test = diebold_mariano(*pair, overlap=overlap, names=(name, TITLES[against]))
    known = np.isfinite(pair[0])
    value, rival = (float(each[known].mean()) if known.any() else np.nan for each in pair)
    skill = 1 - value / rival if rival > 0 else np.nan
    certain = test.p_value is not None and test.p_value < SIGNIFICANT
    sentence = test.sentence
    if certain and 0 < skill < margin:
        sentence += f" But its error is only {skill:.2%} smaller, and the margin is {margin:.2%}."
    return Evidence(
        against=against,
        metric=metric,
        value=finite(value),
        other=finite(rival),
        skill=finite(skill),
        p_value=test.p_value,
        origins=test.origins,
        passed=bool(certain and skill > 0 and skill >= margin),
        sentence=sentence,
    )


def _pooled(losses: Sequence[Losses], against: str, *, relative: bool) -> tuple[Values, Values]:
    """Losses of the candidate and of a rival at every moment of any series, `(moments,)` each."""
    moments = np.unique(np.concatenate([each.times for each in losses]))
    sums, counts = np.zeros((2, len(moments))), np.zeros(len(moments))
    for each in losses:
        at = np.searchsorted(moments, each.times)
        scale = _naive_scale(each) if relative else np.ones(each.candidate.shape[1])
        pair = np.stack([each.candidate, each.rivals[against]]) / scale
        known = np.isfinite(pair).all(axis=0)
        sums[:, at] += np.where(known, pair, 0.0).sum(axis=2)
        counts[at] += known.sum(axis=1)
    candidate, rival = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return candidate, rival


def _naive_scale(losses: Losses) -> Values:
    """The naive forecast's mean loss, `(targets,)`; NaN where it is perfect or has no loss."""
    known = np.isfinite(losses.rivals["naive"])
    total = np.where(known, losses.rivals["naive"], 0.0).sum(axis=0)
    mean = total / np.maximum(known.sum(axis=0), 1)
    return np.where(mean > 0, mean, np.nan)


def _overlap(losses: Sequence[Losses], moments: int) -> int:
    """How many later moments overlap with one; more if the series have different moments."""
    most = max(len(each.times) for each in losses)
    return ceil(max(each.overlap for each in losses) * moments / most) if most else 0
