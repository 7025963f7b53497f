"""Default forecasters on ETTh1, hourly, 24 leads, against every baseline from the same origins."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.inputs.real_series import ETTH1, etth1_series
from models.evaluation.metrics import Errors
from models.spec.spec import Spec
from models.training.train import train

SPLIT = {"validation": 0.2, "test": 0.2}
BASELINES = ("naive", "seasonal_naive", "drift", "ar")


def main() -> None:
    """Print scaled errors on the test part: means over leads, and the worst lead."""
    if not ETTH1.exists():
        print("the ETTh1 file is absent: nothing measured")
        return
    data = etth1_series()
    print("MAE on test, in standard deviations of the training rows, mean of leads 1 to 24")
    print(
        f"{'targets':8}{'model':>8}", *(f"{name:>15}" for name in BASELINES), "  worst lead / best"
    )
    for title, targets in (("OT", ["OT"]), ("all 7", list(data.channel_names))):
        spec = {"targets": targets, "horizon": 24, "split": SPLIT}
        metrics = train(Spec.model_validate(spec), data).metrics["test"]
        spread = data.values[: int(len(data.values) * 0.6)].std(axis=0)
        scale = [float(spread[data.channel_names.index(name)]) for name in targets]
        model, *baselines = (
            _by_lead(metrics, scale, f"{name}mae") for name in ("", *(f"{b}_" for b in BASELINES))
        )
        worst = (model / np.min(baselines, axis=0)).max()
        means = (f"{each.mean():15.4f}" for each in baselines)
        print(
            f"{title:8}{model.mean():8.4f}", *means, f"{worst:12.3f} (target <= 1.01)", flush=True
        )


def _by_lead(
    metrics: dict[str, dict[str, list[dict[str, float]]]], scale: list[float], figure: str
) -> Errors:
    """A figure per lead, the mean over the targets in standard deviations."""
    rows = [[row[figure] for row in metrics[name]["leads"]] for name in metrics]
    return np.mean(np.array(rows, float) / np.array(scale)[:, np.newaxis], axis=0)


if __name__ == "__main__":
    main()
