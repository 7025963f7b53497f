"""The main job in two minutes: a series goes in, a forecaster is trained, forecasts come out.

Everything goes through the same HTTP that any other client uses. The series is the weekly
CO2 concentration at Mauna Loa (Keeling & Whorf), which comes with statsmodels; it has gaps.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from examples.running import checked, running_service

DATABASE = Path(__file__).parent.parent / "var" / "demo.db"
LOG = DATABASE.with_suffix(".log")
SHOWN_LEADS = 12
BASELINES = {
    "naive": "naive_mae",
    "seasonal naive": "seasonal_naive_mae",
    "drift": "drift_mae",
    "AR(p)": "ar_mae",
}

console = Console()


def main() -> None:
    """Run the whole way and stop everything that was started."""
    for leftover in DATABASE.parent.glob(f"{DATABASE.name}*"):
        leftover.unlink()
    DATABASE.parent.mkdir(exist_ok=True)
    console.print(f"Starting web and worker; they log to var/{LOG.name} ...")
    with LOG.open("wb") as log, running_service(f"sqlite:///{DATABASE}", log) as client:
        upload_co2(client)
        train(client)
        show_forecast(client)
    console.print("\nEverything is stopped. `make serve` starts the service to stay.")


def upload_co2(client: httpx2.Client) -> None:
    """Send the series as the CSV file that a person would have."""
    # Imported here: it takes a second, and nothing else needs it.
    from statsmodels.datasets import co2

    text = co2.load_pandas().data.to_csv(index_label="week")
    query = {"create": "true", "kind": "climate"}
    report = checked(client.post("/v1/series/co2/uploads", params=query, content=text))
    console.print(
        f"Uploaded [bold]co2[/]: {report['rows_stored']} rows from {report['first'][:10]} "
        f"to {report['last'][:10]}, one every {report['cadence']}."
    )
    for issue in report["issues"]:
        console.print(f"  {issue['message']}")


def train(client: httpx2.Client) -> None:
    """Queue a training with every default, and show its progress as it happens."""
    queued = checked(client.post("/v1/models", json={"name": "co2", "series": "co2"}))
    columns = (TextColumn("Training"), BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task("waiting for a worker", total=1.0)
        for job in job_events(client, queued["job"]["id"]):
            progress = job["progress"]
            bar.update(task, completed=progress["fraction"], description=described(progress))
    job = checked(client.get(f"/v1/jobs/{queued['job']['id']}"))
    if job["state"] != "succeeded":
        sys.exit(f"the training {job['state']}: {job['error']}")


def job_events(client: httpx2.Client, job_id: str) -> Iterator[dict[str, Any]]:
    """The job at each of its server-sent events, until it ends."""
    with client.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
        for line in stream.iter_lines():
            if line.startswith("data:"):
                yield json.loads(line.removeprefix("data:"))


def described(progress: dict[str, Any]) -> str:
    """The progress in a few words."""
    if not progress.get("epoch"):
        return "preparing"
    losses = f"loss {shown(progress['loss'])}, validation {shown(progress['val_loss'])}"
    return f"epoch {progress['epoch']} of {progress['epochs']}, {losses}"


def show_forecast(client: httpx2.Client) -> None:
    """Print the forecast beside the naive one, and how good both were on the test span."""
    forecast = checked(client.post("/v1/models/co2/forecasts"))
    version = checked(client.get("/v1/models/co2/versions/latest"))
    console.print(forecast_table(forecast))
    test = version["metrics"]["test"]["co2"]
    console.print(accuracy_table(test))
    covered = f"{test['coverage_80']:.0f} % of the truth lay inside the 80 % intervals"
    console.print(f"{covered}. {test['significance']['naive']['sentence']}")
    seconds = version["training"]["seconds"]
    console.print(f"Trained in {seconds:.1f} s; {version['network']['parameters']} parameters.")


def forecast_table(forecast: dict[str, Any]) -> Table:
    """The points of a forecast."""
    table = Table(title=f"CO2 (ppm), forecast from {forecast['origin'][:10]}")
    for heading in ("week", "lead", "forecast", "80 % interval", "naive"):
        table.add_column(heading, justify="right")
    for point in forecast["points"][:SHOWN_LEADS]:
        interval = f"{point['lower_80']:.2f} to {point['upper_80']:.2f}"
        numbers = (f"{point['value']:.2f}", interval, f"{point['naive']:.2f}")
        table.add_row(point["time"][:10], str(point["lead"]), *numbers)
    return table


def accuracy_table(metrics: dict[str, Any]) -> Table:
    """Mean absolute errors on the test span, by lead and over all."""
    table = Table(title="Mean absolute error on the test span (ppm)")
    for heading in ("lead", "Statecast", *BASELINES, "skill"):
        table.add_column(heading, justify="right")
    for row in [*metrics["leads"][:SHOWN_LEADS], {"lead": "all", **metrics}]:
        errors = (row["mae"], *(row[key] for key in BASELINES.values()))
        skill = f"{row['skill']:+.0%}"
        table.add_row(str(row["lead"]), *(shown(error) for error in errors), skill)
    return table


def shown(number: float | None) -> str:
    """A number with three decimals, or a dash where there is none."""
    return "-" if number is None else f"{number:.3f}"


if __name__ == "__main__":
    main()
