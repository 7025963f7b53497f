"""Every setting of the service, read from `STATECAST_*` environment variables."""

import ipaddress
from functools import cache
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

MEBIBYTE = 1024 * 1024
DEVICE = r"^(cpu|gpu:[0-9]{1,2})$"


class Settings(BaseSettings):
    """The service's settings; the names' suffixes give the units."""

    model_config = SettingsConfigDict(env_prefix="STATECAST_", extra="ignore")

    database_url: str = Field(
        "sqlite:///var/statecast.db",
        description="`sqlite:///path` or `postgresql://user:password@host/database`.",
    )
    api_key: SecretStr | None = Field(
        None, description="When set, every `/v1` call needs `Authorization: Bearer <key>`."
    )
    host: str = Field("127.0.0.1", description="Address that the web process binds to.")
    port: int = Field(8000, ge=0, le=65535, description="Port that the web process binds to.")
    workers: int = Field(1, ge=1, le=64, description="Training jobs that one machine runs at once.")
    device: str | None = Field(
        None,
        pattern=DEVICE,
        description="A worker's device, `cpu` or `gpu:0`; by default the first GPU, if any.",
    )
    heartbeat_seconds: float = Field(
        5.0, gt=0, description="How often a worker says that it is alive."
    )
    worker_lost_seconds: float = Field(
        30.0, gt=0, description="Silence after which a worker's jobs are given to another."
    )
    reaper_seconds: float = Field(
        10.0, gt=0, description="How often a worker looks for workers that fell silent."
    )
    warm_child: bool = Field(
        True,
        description="Keep an idle process with TensorFlow loaded: a job then starts at once.",
    )
    upload_processes: int = Field(
        2,
        ge=0,
        le=64,
        description="Uploads read at once, in processes of their own; 0 reads in the web process.",
    )
    upload_job_bytes: int = Field(
        64 * MEBIBYTE,
        ge=1,
        description="Uploads larger than this once decompressed are read by a worker, as a job.",
    )
    split_job_series: int = Field(
        200, ge=1, description="Uploads split into more series than this are stored as a job."
    )
    upload_limit_bytes: int = Field(
        2048 * MEBIBYTE, ge=1, description="Largest request body of an upload."
    )
    decompressed_limit_bytes: int = Field(
        2048 * MEBIBYTE, ge=1, description="Largest size of an upload once decompressed."
    )
    body_limit_bytes: int = Field(
        16 * MEBIBYTE, ge=1, description="Largest body of any other request."
    )
    forecast_batch_items: int = Field(
        100, ge=1, le=10_000, description="Most forecasts that one `forecasts:batch` asks for."
    )
    series_cache_bytes: int = Field(
        64 * MEBIBYTE, ge=0, description="Memory for decoded series that are charted again."
    )
    database_timeout_seconds: float = Field(
        10.0,
        gt=0,
        description="How long a request waits for a busy database before it answers 503.",
    )
    promotion_margin: float = Field(
        0.01,
        ge=0,
        lt=1,
        description="Least skill of a new champion over the baselines and the present champion.",
    )
    drift_error_ratio: float = Field(
        1.5,
        gt=1,
        description="Live error over that on the test part from which on a champion has drifted.",
    )
    drift_stability_index: float = Field(
        0.25,
        gt=0,
        description="Stability index of an input, over what was usual, that counts as drift.",
    )
    schedules_seconds: float = Field(
        5.0, gt=0, description="How often a worker looks for retrainings that are due."
    )
    schedule_least_minutes: int = Field(
        10, ge=1, description="Least minutes between two times of a schedule's cron expression."
    )
    retention_hour_utc: int = Field(
        3, ge=0, le=23, description="Hour, in UTC, from which on the nightly cleaning begins."
    )
    retention_forecasts_days: int = Field(
        365, ge=0, description="How long forecasts are kept; 0 for ever."
    )
    retention_scores_days: int = Field(
        365,
        ge=0,
        description="How long single scores are kept, their sums stay; 0 as long as forecasts.",
    )
    retention_states_days: int = Field(
        30, ge=0, description="How long states that nothing needs are kept; 0 for ever."
    )
    retention_versions: int = Field(
        50, ge=0, description="How many versions that nothing needs a model keeps; 0 for all."
    )
    retention_rollbacks: int = Field(
        5, ge=1, description="How many rollbacks of an alias stay possible, with their states."
    )
    retention_jobs_days: int = Field(
        90, ge=0, description="How long ended jobs that nothing refers to are kept; 0 for ever."
    )
    webhook_private: bool = Field(
        False, description="Let webhooks lead into private networks and to this machine."
    )
    retry_after_seconds: int = Field(2, ge=1, description="`Retry-After` of a 503.")

    def is_loopback(self) -> bool:
        """Whether `host` can be reached from this machine only."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def prepare_directories(self) -> None:
        """Make the folder of an SQLite file, so that a first start needs no set-up."""
        prefix = "sqlite:///"
        if self.database_url.startswith(prefix):
            Path(self.database_url.removeprefix(prefix)).parent.mkdir(parents=True, exist_ok=True)


@cache
def get_settings() -> Settings:
    """The process's settings, read once."""
    return Settings()
