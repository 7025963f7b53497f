"""What the domains observe of their work: seconds of steps, uploads and their rows."""

from typing import Literal, get_args

from prometheus_client import Counter, Histogram

from app.instruments.registry import REGISTRY, SECONDS_OF_STEPS

UploadOutcome = Literal["stored", "repeated", "queued", "refused", "failed"]

APPEND_SECONDS = Histogram(
    "statecast_append_seconds",
    "Appends of rows with all that follows from them: scores, states, forecasts, the commit.",
    buckets=SECONDS_OF_STEPS,
    registry=REGISTRY,
)
STATE_STEP_SECONDS = Histogram(
    "statecast_state_step_seconds",
    "Advances of a deployed version's state after a write, replays included.",
    buckets=SECONDS_OF_STEPS,
    registry=REGISTRY,
)
FORECAST_SECONDS = Histogram(
    "statecast_forecast_seconds",
    "Forecasts by cause: made and stored for a request or after a write, or all of a batch made.",
    ("cause",),
    buckets=SECONDS_OF_STEPS,
    registry=REGISTRY,
)
SCORING_SECONDS = Histogram(
    "statecast_scoring_seconds",
    "Comparisons of earlier forecasts with the rows of a write.",
    buckets=SECONDS_OF_STEPS,
    registry=REGISTRY,
)
UPLOADS = Counter(
    "statecast_uploads",
    "Uploads by outcome; `queued` ones become jobs of the kind `upload`.",
    ("outcome",),
    registry=REGISTRY,
)
UPLOAD_ROWS = Counter(
    "statecast_upload_rows_stored",
    "Rows that uploads stored, those of jobs left out.",
    registry=REGISTRY,
)

REQUESTED_FORECAST_SECONDS = FORECAST_SECONDS.labels("request")
BATCH_FORECAST_SECONDS = FORECAST_SECONDS.labels("batch")
WRITE_FORECAST_SECONDS = FORECAST_SECONDS.labels("write")
# A rate needs the 0 before the first upload.
for _outcome in get_args(UploadOutcome):
    UPLOADS.labels(_outcome)


def count_upload(outcome: UploadOutcome, rows: int = 0) -> None:
    """Count an upload, and the rows that it stored."""
    UPLOADS.labels(outcome).inc()
    UPLOAD_ROWS.inc(rows)
