"""Coverage and width of 80 and 95 % intervals on the test parts of three public series."""

import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.inputs.real_series import (
    ETTH1,
    NIFTY,
    etth1_series,
    jena_series,
    nifty_series,
)
from benchmarks.inputs.service import JENA
from models.spec.presets import PRESETS
from models.spec.spec import Spec
from models.training.train import train

QUANTILES = [0.025, 0.1, 0.5, 0.9, 0.975]
CASES: tuple[tuple[str, Any, Any, dict[str, Any]], ...] = (
    ("ETTh1, OT, 24 leads", ETTH1, etth1_series, {"targets": ["OT"], "horizon": 24}),
    ("Jena, 24 h ahead", JENA, jena_series, PRESETS["jena-stateful"].spec),
    ("NIFTY, 15 bars", NIFTY, nifty_series, PRESETS["ohlc-next-15-bars"].spec),
)


def main() -> None:
    """Print a row for the point and the quantile forecaster of each series."""
    print(f"{'':32}{'coverage, %':>16}{'mean width':>20}   farthest lead from 80 / 95")
    for title, path, series, spec in CASES:
        if not path.exists():
            print(f"{title}: the file is absent")
            continue
        data = series()
        for head, more in (("point", {}), ("quantiles", {"quantiles": QUANTILES})):
            metrics = train(Spec.model_validate({**spec, **more}), data).metrics["test"]
            ((_, found),) = metrics.items()
            farthest = (
                max(abs(lead[f"coverage_{level}"] - level) for lead in found["leads"])
                for level in (80, 95)
            )
            print(
                f"{title + ', ' + head:32}{found['coverage_80']:8.1f}{found['coverage_95']:8.1f}"
                f"{found['width_80']:10.3g}{found['width_95']:10.3g}   "
                + " / ".join(f"{distance:.1f}" for distance in farthest),
                flush=True,
            )


if __name__ == "__main__":
    main()
