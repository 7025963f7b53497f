"""Coverage of the 90 % interval after a planned shift: with widths that adapt, and with fixed ones.

y[t] = 0.8 y[t-1] + s[t] e[t] with e normal, s = 1 and from the shift on 2.5.
"""

import os
from dataclasses import replace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from models.series import Channel, SeriesData
from models.serving.artefact import read_bundle
from models.serving.forecaster import Forecaster
from models.serving.session import open_session
from models.spec.spec import Spec
from models.training.train import train

BEFORE, AFTER = 6_000, 2_000
STEPS = 500
LEVEL = 90
SPEC = {"horizon": 4, "layers": [{"cell": "gru", "units": 16}], "epochs": 10}


def main() -> None:
    """Print the coverage in each span of 500 steps around the shift."""
    data = shifting_series()
    learnt = replace(data, times=data.times[:BEFORE], values=data.values[:BEFORE])
    bundle = train(Spec.model_validate(SPEC), learnt).bundle
    print(f"coverage of the {LEVEL} % interval, all 4 leads   adapting      fixed")
    adapting = coverage(Forecaster.from_bundle(bundle), data)
    fixed = coverage(fixed_widths(bundle), data)
    for number, (one, other) in enumerate(zip(adapting, fixed, strict=True)):
        first = (number - 1) * STEPS
        print(f"steps {first:5} to {first + STEPS:5} after the shift {one:14.1f} {other:10.1f}")
    print(f"target: within 3 points of {LEVEL} from {STEPS} steps after the shift on")


def shifting_series() -> SeriesData:
    """The series of the first lines, hourly."""
    generator = np.random.default_rng(0)
    rows = BEFORE + AFTER
    noise = np.where(np.arange(rows) < BEFORE, 1.0, 2.5) * generator.normal(size=rows)
    values = np.zeros(rows)
    for row in range(1, rows):
        values[row] = 0.8 * values[row - 1] + noise[row]
    return SeriesData(
        name="shifting",
        kind="generic",
        channels=(Channel("y"),),
        times=np.datetime64("2020-01-01", "us") + np.arange(rows) * np.timedelta64(1, "h"),
        values=values[:, np.newaxis],
        cadence="1h",
        calendar="continuous",
        timezone="UTC",
    )


def fixed_widths(bundle: bytes) -> Forecaster:
    """The same forecaster, but errors never move its widths."""
    artefact = read_bundle(bundle)
    intervals = {**artefact.manifest["intervals"], "since": None}
    return Forecaster({**artefact.manifest, "intervals": intervals}, open_session(artefact.onnx))


def coverage(forecaster: Forecaster, data: SeriesData) -> list[float]:
    """Percent of the truth inside, in the 500 origins before the shift and in those after it."""
    farthest = int(forecaster.leads[-1])
    at = np.arange(BEFORE - STEPS, BEFORE + AFTER - farthest)
    predicted = forecaster.outputs(data.times, data.values, at=at, levels=[LEVEL])
    truth = predicted.actual[at[:, np.newaxis] + forecaster.leads]
    inside = ((predicted.lower[0] <= truth) & (truth <= predicted.upper[0])).mean(axis=(1, 2))
    return [
        100 * float(inside[first : first + STEPS].mean()) for first in range(0, len(inside), STEPS)
    ]


if __name__ == "__main__":
    main()
