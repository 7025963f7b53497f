"""Steps that differ by a jitter: the step that is meant, and the distance of rows from it."""

import numpy as np
import numpy.typing as npt

Steps = npt.NDArray[np.int64]

SECOND = 1_000_000
_DAY = 86_400 * SECOND
# Steps of sensors: those that divide a second, a minute, an hour or a day.
_USUAL = np.array(
    sorted(
        {
            unit // count
            for unit in (SECOND, 60 * SECOND, 3600 * SECOND, _DAY)
            for count in range(1, 61)
            if unit % count == 0 and (unit // count) % 1000 == 0
        }
    )
)
# The median step is this near to the step that is meant.
_NEAR = 0.05
# This share of the steps is at most this part of a step longer or shorter than one.
_LEAST_SHARE = 0.6
_LARGEST_PART = 0.25
# Fewer steps than this that are not whole ones are single rows beside the grid.
_LEAST_JITTERED = 0.02
# Of the steps that are not whole ones, this share is this near to whole ones; rows between the
# usual ones, such as at half past the hour, are not.
_LEAST_NEAR = 0.8
_NEAR_PART = 1 / 3


def step_meant(steps: Steps) -> int | None:
    """The usual step, such as a minute, near which most steps lie; None if there is none.

    Args:
        steps: `(rows - 1,)`, microseconds between rows.
    """
    median = float(np.median(steps))
    nearest = int(_USUAL[np.argmin(np.abs(_USUAL / median - 1))])
    if abs(median / nearest - 1) > _NEAR or not _follow(steps, nearest):
        return None
    return nearest


def is_jittered(steps: Steps, step: int) -> bool:
    """Whether steps follow a step, but many of them are not exactly one or several of it."""
    if len(steps) == 0:
        return False
    away = _away(steps, step)
    away = away[away > 0]
    if len(away) < _LEAST_JITTERED * len(steps) or not _follow(steps, step):
        return False
    return bool(np.mean(away <= _NEAR_PART * step) >= _LEAST_NEAR)


def jitter_of(steps: Steps, step: int) -> int:
    """How much longer or shorter than whole steps 19 of 20 steps are at most, in microseconds."""
    return int(np.percentile(_away(steps, step), 95))


def _away(steps: Steps, step: int) -> Steps:
    """The distance of steps from the nearest whole number of steps."""
    return np.abs((steps + step // 2) % step - step // 2)


def _follow(steps: Steps, step: int) -> bool:
    near = np.abs(steps - step) <= _LARGEST_PART * step
    return bool(np.mean(near) >= _LEAST_SHARE)


def usual_phase(moments: Steps, step: int) -> int:
    """The distance of most rows after whole steps; 0 if rows have no common one.

    It is rounded to a sixtieth of the step: seconds for minutes.

    Args:
        moments: `(rows,)`, microseconds since a whole step.
        step: Microseconds.
    """
    angles = 2 * np.pi * (moments % step) / step
    direction = np.mean(np.exp(1j * angles))
    if np.abs(direction) < 0.5:
        return 0
    unit = max(1, step // 60)
    phase = float(np.angle(direction)) / (2 * np.pi) * step
    return round(phase / unit) * unit % step
