"""Holiday flags of days, known for any past or future time.

The days come from the `holidays` library (https://holidays.readthedocs.io). It is imported
when the first code is looked up, because it loads all its countries at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from models.arrays import Times
from models.calendars.timezones import to_local
from models.errors import DataError

# Days counted from 1 January 1970.
DayNumbers = npt.NDArray[np.int64]

# Flags of a day: it is a holiday, the day before one, or the day after one.
FLAGS = 3
_MICROSECOND = np.timedelta64(1, "us")


@dataclass(frozen=True, slots=True)
class HolidayFlags:
    """Whether days are holidays, or lie one day before or after a holiday.

    Args:
        codes: Countries, such as `DE`, or with a subdivision, such as `DE-BY`; a day is a
            holiday if it is one in any of them.
        timezone: IANA name of the zone in which days begin.
        labelled_right: Whether rows are labelled with their ends, as in resampled series: a
            day's row is then labelled with the midnight at its end.
    """

    codes: tuple[str, ...]
    timezone: str
    labelled_right: bool

    def at(self, times: Times) -> npt.NDArray[np.float32]:
        """The flags of the days that contain the times.

        Args:
            times: UTC, of any shape.

        Returns:
            `(..., 3)` of float32, 0 or 1: a holiday, the day before one, the day after one.
        """
        if times.size == 0:
            return np.zeros((*times.shape, FLAGS), np.float32)
        moments = times - _MICROSECOND if self.labelled_right else times
        days = to_local(moments, self.timezone).astype("datetime64[D]").astype(np.int64)
        found = self._days(_year(int(days.min())) - 1, _year(int(days.max())) + 1)
        flags = [np.isin(days + shift, found) for shift in (0, 1, -1)]
        return np.stack(flags, axis=-1).astype(np.float32)

    def _days(self, first_year: int, last_year: int) -> DayNumbers:
        # A holiday may be observed in the year before or after its own.
        years = range(first_year - 1, last_year + 2)
        parts = [_holidays_of_year(code, year) for code in self.codes for year in years]
        return np.unique(np.concatenate(parts))

    def to_json(self) -> dict[str, Any]:
        """The flags' rule as JSON values."""
        return {
            "codes": list(self.codes),
            "timezone": self.timezone,
            "labelled_right": self.labelled_right,
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The flags that `to_json` stored."""
        return cls(tuple(stored["codes"]), stored["timezone"], stored["labelled_right"])


def check_code(code: str) -> None:
    """Refuse a code that the library does not know.

    Raises:
        DataError: If the country or its subdivision is unknown.
    """
    country, _, subdivision = code.partition("-")
    # The registry is a table: an unknown country is refused without loading any.
    if country not in _countries():
        raise DataError(
            "A holiday code must begin with a country of ISO 3166-1, such as DE, US or IN. "
            f'Received: "{code[:100]}"'
        )
    known = _subdivisions(country)
    if "-" in code and subdivision not in known:
        listed = ", ".join(sorted(known)) or "none"
        raise DataError(
            f"A subdivision of {country} must be one of the library's: {listed}. "
            f'Received: "{code[:100]}"'
        )


def named_codes(codes: str | Sequence[str] | None) -> list[str]:
    """A spec's codes as a list; a spec may give one code as text."""
    if codes is None:
        return []
    return [codes] if isinstance(codes, str) else list(codes)


@lru_cache(maxsize=1)
def _countries() -> frozenset[str]:
    from holidays.registry import EntityLoader

    return frozenset(EntityLoader.get_country_codes())


@lru_cache(maxsize=256)
def _subdivisions(country: str) -> frozenset[str]:
    """ISO codes of a country's subdivisions, and their names."""
    import holidays

    found = holidays.country_holidays(country)
    return frozenset({*found.subdivisions, *found.subdivisions_aliases})


@lru_cache(maxsize=4096)
def _holidays_of_year(code: str, year: int) -> DayNumbers:
    """Public holidays as days since 1970, including those moved from a week-end."""
    import holidays

    country, _, subdivision = code.partition("-")
    found = holidays.country_holidays(country, subdiv=subdivision or None, years=year, expand=False)
    return np.array([np.datetime64(day, "D").astype(np.int64) for day in found], np.int64)


def _year(day: int) -> int:
    return int(np.datetime64(day, "D").astype("datetime64[Y]").astype(np.int64)) + 1970
