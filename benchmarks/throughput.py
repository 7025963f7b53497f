"""Windows and series-steps that training learns from in a second, by cell and size."""

import os
import statistics

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.steps import CELLS, CHUNK, LANES, random_batch, seconds_of, training_step
from models.spec.spec import LayerSpec

SIZES = (32, 64, 128)
WINDOWS, SAMPLES = 128, 120
ROUNDS, STEPS_PER_ROUND = 7, 3
# keras.io/examples/timeseries/timeseries_weather_forecasting, as measured.md gives it.
PUBLISHED_WINDOWS = 3_260


def main() -> None:
    """Print a row for each cell and size."""
    lanes = random_batch(LANES, CHUNK, every_step=True)
    windows = random_batch(WINDOWS, SAMPLES, every_step=False)
    print(f"stateful: {LANES} lanes x {CHUNK} steps, windowed: {WINDOWS} windows x {SAMPLES} steps")
    print("layer        series-steps/s   windows/s   labelled rows, stateful over windowed")
    for cell in CELLS:
        for units in SIZES:
            layer = LayerSpec(cell=cell, units=units)
            ways = [training_step(layer, lanes), training_step(layer, windows, stateful=False)]
            rounds = [[seconds_of(way, STEPS_PER_ROUND)[0] for way in ways] for _ in range(ROUNDS)]
            stateful, windowed = map(statistics.median, zip(*rounds, strict=True))
            # A stateful step labels every row that it reads, a window one row.
            rows, origins = LANES * CHUNK / stateful, WINDOWS / windowed
            print(
                f"{cell}({units})".ljust(10) + f"{rows:17,.0f} {origins:11,.0f} "
                f"{rows / origins:10.0f} x",
                flush=True,
            )
    print(f"published: {PUBLISHED_WINDOWS:,} windows/s (keras.io, timeseries_weather_forecasting)")


if __name__ == "__main__":
    main()
