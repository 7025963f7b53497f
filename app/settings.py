"""Every setting of the service, read from `STATECAST_*` environment variables."""

import ipaddress
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from models.checks.cost import TrainingLimits

MEBIBYTE = 1024 * 1024
ScopeName = Literal["read", "write", "train", "promote", "admin"]
DEVICE = r"^(cpu|gpu:[0-9]{1,2})$"
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")

LogFormat = Literal["json", "text"]


def _listed(given: object) -> object:
    """The entries of a comma list."""
    if isinstance(given, str):
        return tuple(each.strip() for each in given.split(",") if each.strip())
    return given


CommaList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]


class ProxiedUser(BaseModel):
    """What a user of a trusted proxy may do, and in which project."""

    scopes: list[ScopeName]
    project: str = "default"


class Settings(BaseSettings):
    """The service's settings; suffixes of names are units."""

    model_config = SettingsConfigDict(env_prefix="STATECAST_", extra="ignore")

    database_url: str = Field(
        "sqlite:///var/statecast.db",
        description="`sqlite:///path` or `postgresql://user:password@host/database`.",
    )
    api_key: SecretStr | None = Field(
        None,
        description="A first key, for everything in the project `default` and for the keys of all "
        "projects.",
    )
    trusted_proxy_header: str | None = Field(
        None,
        description="Header in which a trusted proxy names the user it has signed in, such as "
        "`X-Forwarded-User`.",
    )
    trusted_proxies: str = Field(
        "127.0.0.1,::1",
        description="Addresses and networks, with commas, whose header of the name above counts.",
    )
    trusted_proxy_scopes: str = Field(
        "read", description="Scopes, with commas, of the users of trusted proxies."
    )
    trusted_proxy_project: str = Field(
        "default", description="Project of the users of trusted proxies."
    )
    trusted_proxy_users: dict[str, ProxiedUser] = Field(
        {},
        description="Users with other rights, as JSON: "
        '`{"ann": {"scopes": ["admin"], "project": "shop"}}`.',
    )
    limit_requests_per_minute: int = Field(
        120_000,
        ge=0,
        description="Requests per minute of one key, or of one address without a key, that each "
        "web process answers; 0: no limit.",
    )
    limit_rows_per_day: int = Field(
        1_000_000_000, ge=0, description="Rows that a project may write in a day; 0: no limit."
    )
    limit_queued_jobs: int = Field(
        10_000, ge=0, description="Jobs that a project may have in the queue; 0: no limit."
    )
    limit_bytes: int = Field(
        1024 * 1024 * MEBIBYTE,
        ge=0,
        description="Bytes of rows, bundles and waiting files of a project; 0: no limit.",
    )
    allowed_hosts: CommaList = Field(
        (),
        description="Comma list of host names that the service answers for, such as "
        "`lake.example,*.lan`; by default this machine's names while there is no key and `host` is "
        "an address of this machine only, else all.",
    )
    cors_origins: CommaList = Field(
        (),
        description="Comma list of origins whose pages may call the service, such as "
        "`https://board.example`.",
    )
    connections_per_address: int = Field(
        512, ge=0, description="Open connections of one address to a web process; 0: no limit."
    )
    access_log: bool = Field(True, description="Write one line for each request.")
    log_format: LogFormat | None = Field(
        None, description="`json` or `text`; by default `text` on a terminal, else `json`."
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
        5.0, gt=0, description="Seconds between two heartbeats of a worker."
    )
    worker_lost_seconds: float = Field(
        30.0,
        gt=0,
        description="Time without a heartbeat after which a worker's jobs are queued again.",
    )
    recovery_seconds: float = Field(
        10.0, gt=0, description="Seconds between two checks for workers without a heartbeat."
    )
    warm_child: bool = Field(
        True,
        description="Keep an idle process with TensorFlow loaded, so that a job starts at once.",
    )
    upload_processes: int = Field(
        2,
        ge=0,
        le=64,
        description="Processes that read uploads; 0: the web process reads them.",
    )
    upload_memory_bytes: int = Field(
        4096 * MEBIBYTE,
        ge=256 * MEBIBYTE,
        description="Memory that a process may take to read an upload.",
    )
    upload_seconds: float = Field(
        300.0, gt=0, description="Time that a process may take to read an upload."
    )
    upload_job_bytes: int = Field(
        64 * MEBIBYTE,
        ge=1,
        description="Decompressed size above which an upload is read by a worker, as a job.",
    )
    split_job_series: int = Field(
        200, ge=1, description="Uploads split into more series than this are stored as a job."
    )
    upload_job_seconds: float = Field(
        3600.0, gt=0, description="Time that a job may take to read an upload."
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
        100, ge=1, le=10_000, description="Largest number of forecasts in one `forecasts:batch`."
    )
    series_cache_bytes: int = Field(
        64 * MEBIBYTE, ge=0, description="Memory for decoded columns that charts read repeatedly."
    )
    database_timeout_seconds: float = Field(
        10.0,
        gt=0,
        description="How long a request waits for a busy database before the answer is 503.",
    )
    training_limit_bytes: int = Field(
        8192 * MEBIBYTE, ge=1, description="Largest estimated memory of one training."
    )
    training_limit_hours: float = Field(
        720.0,
        gt=0,
        description="Largest estimated time of one training on one processor core; workers with a "
        "GPU do more in an hour.",
    )
    bundle_limit_bytes: int = Field(
        512 * MEBIBYTE, ge=1, description="Largest estimated size of a stored network."
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
        description="Stability index of an input, above its usual value, that counts as drift.",
    )
    schedules_seconds: float = Field(
        5.0, gt=0, description="Seconds between two checks for schedules that are due."
    )
    schedule_least_minutes: int = Field(
        10, ge=1, description="Least minutes between two runs of a schedule's cron expression."
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
        description="Days that single scores are kept, their sums stay; 0: as long as forecasts.",
    )
    retention_states_days: int = Field(
        30, ge=0, description="Days that states without a use are kept; 0: no limit."
    )
    retention_versions: int = Field(
        50, ge=0, description="Versions without a use that are kept per model; 0: no limit."
    )
    retention_rollbacks: int = Field(
        5, ge=1, description="Rollbacks of an alias that stay possible, with their states."
    )
    retention_jobs_days: int = Field(
        90, ge=0, description="Days that ended jobs without a reference are kept; 0: no limit."
    )
    secret_key: SecretStr | None = Field(
        None,
        description="Key that encrypts the secrets of webhooks, the same for all processes; by "
        "default a file beside the SQLite file, or `var/statecast.key`.",
    )
    retention_audit_days: int = Field(
        365, ge=0, description="Days that entries of the audit are kept; 0: no limit."
    )
    webhook_private: bool = Field(
        False, description="Allow webhooks to private networks and to this machine."
    )
    retry_after_seconds: int = Field(2, ge=1, description="`Retry-After` of a 503.")

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, text: str) -> str:
        for word in filter(None, (word.strip() for word in text.split(","))):
            ipaddress.ip_network(word)
        return text

    @field_validator("trusted_proxy_scopes")
    @classmethod
    def _are_scopes(cls, text: str) -> str:
        known = get_args(ScopeName)
        unknown = {word.strip() for word in text.split(",") if word.strip()} - set(known)
        if unknown:
            raise ValueError(f"scopes are {', '.join(known)}. Received: {text!r}")
        return text

    @property
    def training_limits(self) -> TrainingLimits:
        """The most that one training may need."""
        return TrainingLimits(
            self.training_limit_bytes, self.bundle_limit_bytes, self.training_limit_hours
        )

    def is_loopback(self) -> bool:
        """Whether `host` is reachable from this machine only."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def served_hosts(self) -> tuple[str, ...]:
        """The host names that the service answers for; empty for all."""
        if self.allowed_hosts:
            return tuple(each.lower() for each in self.allowed_hosts)
        has_key = self.api_key is not None or self.trusted_proxy_header is not None
        return LOOPBACK_NAMES if not has_key and self.is_loopback() else ()

    def prepare_directories(self) -> None:
        """Create the folder of an SQLite file, so that a first start needs no set-up."""
        file = self.sqlite_file()
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)

    def sqlite_file(self) -> Path | None:
        """The file of an SQLite database; None for PostgreSQL."""
        prefix = "sqlite:///"
        if not self.database_url.startswith(prefix):
            return None
        return Path(self.database_url.removeprefix(prefix))


@cache
def get_settings() -> Settings:
    """The process's settings, read once."""
    return Settings()
