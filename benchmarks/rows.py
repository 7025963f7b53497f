"""Peak memory of a training on a million rows, over the size of the data itself."""

import os
import resource
import subprocess
import sys
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from models.series import Channel, SeriesData

ROWS = (250_000, 1_000_000)
CHANNELS = 14
MEGABYTE = 1e6
SAMPLES = 120
SPECS: dict[str, dict[str, Any]] = {
    "stateful": {"mode": "stateful"},
    "windowed": {
        "mode": "windowed",
        "lookback": 6 * SAMPLES,
        "step": 6,
        "batch_size": 128,
        "steps_per_epoch": 100,
    },
}

EXPLANATION = """\
The share of the data, at most: the series itself (1), its copy with another future in the audit
(1), the features as float32 (0.7 with the calendar's), targets, times and lags (0.3). After the
audit the copy is gone and the training batches are kept instead (0.7, and 512 MB at most).
The constant: steps compiled for larger batches than those before, the runtime's working memory,
and what is made of some rows or some forecasts at a time."""


def main() -> None:
    """Print a row for each mode and length; each in a process of its own."""
    print(f"{CHANNELS} channels of float64, one epoch; MB")
    print("mode       rows        data   before     peak   (peak - before) / data    all windows")
    for mode in SPECS:
        sizes, above = [], []
        for rows in ROWS:
            command = [sys.executable, "-m", "benchmarks.rows", mode, str(rows)]
            answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            before, peak = map(float, answer.split())
            data = rows * CHANNELS * 8 / MEGABYTE
            sizes.append(data)
            above.append(peak - before)
            windows = f"{rows * SAMPLES * CHANNELS * 4 / MEGABYTE:12,.0f}"
            print(
                f"{mode:9}{rows:10,d} {data:9.0f} {before:8.0f} {peak:8.0f} "
                f"{above[-1] / data:14.2f} {windows if mode == 'windowed' else '-':>22}",
                flush=True,
            )
        share = (above[-1] - above[0]) / (sizes[-1] - sizes[0])
        constant = above[0] - share * sizes[0]
        print(f"{mode:9}peak - before = {share:.1f} x data + {constant:.0f} MB")
    print(EXPLANATION)


def measure(mode: str, rows: int) -> None:
    """Train once on a short series, for all that is loaded once, then on the long one."""
    from models.spec.spec import Spec
    from models.training.train import train

    spec = Spec.model_validate({**SPECS[mode], "targets": ["c0"], "leads": [24], "epochs": 1})
    train(spec, made_up(5_000))
    before = peak_megabytes()
    train(spec, made_up(rows))
    print(before, peak_megabytes())


def peak_megabytes() -> float:
    """The largest resident memory so far; Linux counts it in kibibytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE


def made_up(rows: int) -> SeriesData:
    """Random walks at a step of ten minutes."""
    walks = np.random.default_rng(0).normal(size=(rows, CHANNELS))
    np.cumsum(walks, axis=0, out=walks)
    return SeriesData(
        name="walks",
        kind="generic",
        channels=tuple(Channel(f"c{number}") for number in range(CHANNELS)),
        times=np.datetime64("2000-01-01T00:00", "us") + np.arange(rows) * np.timedelta64(10, "m"),
        values=walks,
        cadence="10min",
        calendar="continuous",
        timezone="UTC",
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(sys.argv[1], int(sys.argv[2]))
    else:
        main()
