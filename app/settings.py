"""Every setting of the service, read from `STATECAST_*` environment variables."""

import ipaddress
from functools import cache
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

MEBIBYTE = 1024 * 1024
DEVICE = r"^(cpu|gpu:[0-9]{1,2})$"


class Settings(BaseSettings):
    """The service's settings; the suffixes of their names are the units."""

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
        5.0, gt=0, description="Seconds between a worker's heartbeats."
    )
    worker_lost_seconds: float = Field(
        30.0,
        gt=0,
        description="Time without a heartbeat after which a worker's jobs are queued again.",
    )
    recovery_seconds: float = Field(
        10.0, gt=0, description="Seconds between a worker's searches for dead workers."
    )
    warm_child: bool = Field(
        True,
        description="Keep an idle process with TensorFlow loaded: a job then starts at once.",
    )
    upload_processes: int = Field(
        2,
        ge=0,
        le=64,
        description="Uploads parsed at once, each in its own process; 0: in the web process.",
    )
    upload_job_bytes: int = Field(
        64 * MEBIBYTE,
        ge=1,
        description="Uploads larger than this once decompressed are read by a worker, as a job.",
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
        100, ge=1, le=10_000, description="Maximum number of forecasts in one `forecasts:batch`."
    )
    series_cache_bytes: int = Field(
        64 * MEBIBYTE, ge=0, description="Memory for decoded series, which repeated charts read."
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
        description="Minimum skill of a new champion over the baselines and the present champion.",
    )
    drift_error_ratio: float = Field(
        1.5,
        gt=1,
        description="Ratio of live error to test error at which a champion has drifted.",
    )
    drift_stability_index: float = Field(
        0.25,
        gt=0,
        description="Excess of an input's stability index over its usual one that counts as drift.",
    )
    schedules_seconds: float = Field(
        5.0, gt=0, description="Seconds between a worker's searches for due retrainings."
    )
    schedule_least_minutes: int = Field(
        10, ge=1, description="Minimum minutes between two times of a schedule's cron expression."
    )
    retention_hour_utc: int = Field(
        3, ge=0, le=23, description="UTC hour at which the nightly cleaning starts."
    )
    retention_forecasts_days: int = Field(
        365, ge=0, description="Days that forecasts are kept; 0: no limit."
    )
    retention_scores_days: int = Field(
        365,
        ge=0,
        description="Days that single scores are kept, sums stay; 0: as long as their forecasts.",
    )
    retention_states_days: int = Field(
        30, ge=0, description="Days that states without a use are kept; 0: no limit."
    )
    retention_versions: int = Field(
        50, ge=0, description="Unused versions that are kept for each model; 0: no limit."
    )
    retention_rollbacks: int = Field(
        5, ge=1, description="Rollbacks of an alias that stay possible, with their states."
    )
    retention_jobs_days: int = Field(
        90, ge=0, description="Days that ended jobs without a reference are kept; 0: no limit."
    )
    webhook_private: bool = Field(
        False, description="Allow webhook addresses in private networks and on this machine."
    )
    retry_after_seconds: int = Field(2, ge=1, description="`Retry-After` of a 503.")

    def is_loopback(self) -> bool:
        """Whether `host` is reachable from this machine only."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def prepare_directories(self) -> None:
        """Create the folder of the SQLite file, so that a first start needs no set-up."""
        prefix = "sqlite:///"
        if self.database_url.startswith(prefix):
            Path(self.database_url.removeprefix(prefix)).parent.mkdir(parents=True, exist_ok=True)


@cache
def get_settings() -> Settings:
    """The process's settings, read once."""
    return Settings()
