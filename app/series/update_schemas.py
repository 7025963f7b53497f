"""The answer to a change of a series' settings."""

from pydantic import Field

from app.series.observation_schemas import CausedForecast
from app.series.schemas import SeriesRead


class SeriesUpdated(SeriesRead):
    """A series with its changed settings, and what they did to stored values."""

    rows_updated: int = Field(description="Stored rows that changed, as a revision of their own.")
    made_missing: dict[str, int] = Field(description="Values that became missing, by channel.")
    brought_back: dict[str, int] = Field(
        description="Values that had become missing by an earlier change and are back, by channel."
    )
    forecasts: list[CausedForecast] = Field(
        description="The forecasts that the change caused, one for each deployed version."
    )
