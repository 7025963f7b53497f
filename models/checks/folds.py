"""Folds: consecutive validation parts, each after its training rows."""

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np

from models.calendars.cadence import Cadence
from models.checks.profile import SeriesProfile
from models.errors import Problem, SpecError
from models.spec.spec import Spec, SplitSpec


def validation_rows(spec: Spec, profile: SeriesProfile) -> int:
    """Rows of a resolved spec's validation part."""
    layout = profile.layout(Cadence.parse(spec.cadence or profile.cadence), spec.split)
    return layout.held_out_rows.get("validation", 0)


def fold_splits(spec: Spec, profile: SeriesProfile, folds: int) -> list[SplitSpec]:
    """The splits of a rolling origin, in time order.

    The last one is the spec's split; each earlier one ends where the next one's validation part
    begins, so all validation parts have the same length and training rows grow (Tashman 2000,
    "Out-of-sample tests of forecasting accuracy": a rolling origin). The spec's test rows are
    not in any of them.

    Args:
        spec: A resolved spec.
        profile: The series.
        folds: Number of folds.

    Raises:
        SpecError: If the first fold has no rows to train on.
    """
    layout = profile.layout(Cadence.parse(spec.cadence or profile.cadence), spec.split)
    if layout.splits is None:
        raise SpecError([Problem("/split", "`split` cannot work on this series.")])
    train, validation = layout.splits.train, layout.splits.validation
    length = validation.stop - validation.start
    begins = [validation.start - length * back for back in range(folds - 1, -1, -1)]
    if begins[0] <= train.start:
        raise SpecError(
            [
                Problem(
                    "/folds",
                    f"`folds` of {length} validation rows each must leave rows to train on, of "
                    f"{validation.stop - train.start} before the test part. Received: {folds}",
                )
            ]
        )
    moments = [_moment(layout.times[row]) for row in begins]
    earlier = [
        SplitSpec(train=spec.split.train, validation=begin, test=end)
        for begin, end in pairwise(moments)
    ]
    return [*earlier, spec.split]


def _moment(time: np.datetime64) -> datetime:
    moment: datetime = time.astype("datetime64[us]").item()
    return moment.replace(tzinfo=UTC)
