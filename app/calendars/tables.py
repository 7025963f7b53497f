"""Table of exchanges' sessions, as last read from the calendar library."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json, Timestamp


class ExchangeCalendar(Base):
    """One exchange; `hours` is `models.calendars.exchange_hours.Hours` as JSON."""

    __tablename__ = "exchange_calendars"

    code: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    library_version: Mapped[str] = mapped_column(sa.String(40))
    read_at: Mapped[datetime] = mapped_column(Timestamp)
    hours: Mapped[dict[str, Any]] = mapped_column(Json)
