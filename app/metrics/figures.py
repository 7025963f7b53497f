"""The gauges of `/metrics` that are read when they are asked for: names, texts and labels."""

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily

Values = Iterable[tuple[tuple[str, ...], float]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A gauge; its values are given with the values of its labels."""

    name: str
    text: str
    labels: tuple[str, ...] = ()

    def of(self, values: Values) -> GaugeMetricFamily:
        """The gauge with these values."""
        family = GaugeMetricFamily(self.name, self.text, labels=self.labels)
        for labels, value in values:
            family.add_metric(labels, value)
        return family

    def one(self, value: float) -> GaugeMetricFamily:
        """The gauge with one value."""
        return self.of([((), value)])


SAME = "The same in every web process."
MODELS = "At most 200 models, by project and name."

BUILD = Figure("statecast_build_info", "1, with the release of this process.", ("version",))
DATABASE_UP = Figure(
    "statecast_database_up",
    "1 if the database answered within 3 seconds; otherwise its figures are left out.",
)
CONNECTIONS = Figure(
    "statecast_database_connections",
    "Connections to the database of the process that answers.",
    ("state",),
)
MOST_CONNECTIONS = Figure(
    "statecast_database_connections_limit",
    "The most connections to the database of the process that answers.",
)
JOBS = Figure(
    "statecast_jobs",
    f"Jobs by kind and state; ended ones if they were made in the last 24 hours. {SAME}",
    ("kind", "state"),
)
OLDEST_QUEUED = Figure(
    "statecast_jobs_oldest_queued_seconds",
    f"Age of the oldest queued job; 0 without one. {SAME}",
)
MEAN_WAIT = Figure(
    "statecast_job_wait_mean_seconds",
    f"Mean time in the queue of the last 24 hours' jobs. {SAME}",
    ("kind",),
)
LONGEST_WAIT = Figure(
    "statecast_job_wait_longest_seconds",
    f"Longest time in the queue of the last 24 hours' jobs. {SAME}",
    ("kind",),
)
MEAN_RUN = Figure(
    "statecast_job_run_mean_seconds",
    f"Mean run time of the last 24 hours' jobs that have ended. {SAME}",
    ("kind",),
)
LONGEST_RUN = Figure(
    "statecast_job_run_longest_seconds",
    f"Longest run time of the last 24 hours' jobs that have ended. {SAME}",
    ("kind",),
)
WORKERS = Figure("statecast_workers", f"Workers alive, by kind of device. {SAME}", ("device",))
SERIES = Figure(
    "statecast_series",
    f"Series by the age of their last row: up to an hour, a day, a week, older, empty. {SAME}",
    ("age",),
)
ROWS = Figure("statecast_rows", f"Rows of all series. {SAME}")
STATE_BYTES = Figure(
    "statecast_state_bytes",
    f"Stored bytes of the versions' states, and of their checkpoints. {SAME}",
    ("part",),
)
CHAMPIONS = Figure("statecast_champions", f"Models that have a champion. {SAME}")
CHAMPION_AGE = Figure(
    "statecast_champion_age_seconds",
    f"Time since the training of a champion was requested. {MODELS} {SAME}",
    ("project", "model"),
)
CHAMPION_LAG = Figure(
    "statecast_champion_series_lag_seconds",
    f"Time since the last row of a champion's first series. {MODELS} {SAME}",
    ("project", "model"),
)
ERROR_RATIO = Figure(
    "statecast_live_error_ratio",
    "Live error of a champion divided by its test error at the same leads: its worst target, the "
    f"newest 100 scored steps of its first series. {MODELS} {SAME}",
    ("project", "model"),
)
COVERAGE = Figure(
    "statecast_live_coverage",
    "Share of observed values inside a champion's interval of a level in percent, over the "
    f"newest 100 scored steps of its first series. {MODELS} {SAME}",
    ("project", "model", "level"),
)
FIGURES = (
    BUILD,
    DATABASE_UP,
    CONNECTIONS,
    MOST_CONNECTIONS,
    JOBS,
    OLDEST_QUEUED,
    MEAN_WAIT,
    LONGEST_WAIT,
    MEAN_RUN,
    LONGEST_RUN,
    WORKERS,
    SERIES,
    ROWS,
    STATE_BYTES,
    CHAMPIONS,
    CHAMPION_AGE,
    CHAMPION_LAG,
    ERROR_RATIO,
    COVERAGE,
)
