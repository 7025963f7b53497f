"""Table of API keys."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.access.acting import PROJECT_LENGTH
from app.db import Base, Json, Timestamp, utc_now


class ApiKey(Base):
    """A key of a project; a revoked one stays, so that access never opens again.

    `secret_hash` is the SHA-256 of a random secret of 256 bits.
    """

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100))
    secret_hash: Mapped[str] = mapped_column(sa.String(64))
    scopes: Mapped[list[str]] = mapped_column(Json)
    project: Mapped[str] = mapped_column(sa.String(PROJECT_LENGTH), index=True)
    created_at: Mapped[datetime] = mapped_column(Timestamp, default=utc_now)
    expires_at: Mapped[datetime | None] = mapped_column(Timestamp)
    last_used_at: Mapped[datetime | None] = mapped_column(Timestamp)
    revoked_at: Mapped[datetime | None] = mapped_column(Timestamp)

    def __repr__(self) -> str:
        return f"ApiKey({self.id!r}, {self.name!r})"
