"""Temperature in Jena 24 hours ahead: stateful and windowed on the same split, side by side."""

import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.inputs.real_series import jena_series
from benchmarks.inputs.service import JENA
from models.series import SeriesData
from models.spec.presets import PRESETS
from models.spec.spec import Spec
from models.training.train import train

SEEDS = (0, 1, 2)
# The preset's twenty epochs take as long as all other benchmarks together.
WINDOWED_EPOCHS = 4
TARGET = "T (degC)"


def main() -> None:
    """Print validation and test error of each run; `--full` trains all windowed epochs."""
    if not JENA.exists():
        print("the Jena file is absent: nothing measured")
        return
    data = jena_series()
    print("MAE in degC, 24 hours ahead     validation    test   naive   epochs   seconds")
    for seed in SEEDS:
        spec = {**PRESETS["jena-stateful"].spec, "seed": seed}
        report(f"stateful LSTM(64), seed {seed}", data, spec)
    report("ensemble of three", data, {**PRESETS["jena-stateful"].spec, "ensemble": len(SEEDS)})
    windowed = dict(PRESETS["jena-gru-windowed"].spec)
    if "--full" not in sys.argv:
        windowed["epochs"] = WINDOWED_EPOCHS
    report("windowed GRU(32)", data, windowed)


def report(title: str, data: SeriesData, spec: dict[str, object]) -> None:
    """Train once and print a row; the seconds hold preparation, export and evaluation too."""
    began = time.perf_counter()
    trained = train(Spec.model_validate(spec), data)
    seconds = time.perf_counter() - began
    validation, test = (trained.metrics[part][TARGET] for part in ("validation", "test"))
    print(
        f"{title:31} {validation['mae']:10.3f} {test['mae']:7.3f} {test['naive_mae']:7.3f} "
        f"{trained.training['epochs']:8d} {seconds:9.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
