"""Rule out readings that only some texts allow: short columns, days without years, weeks."""

import numpy as np

from app.parsing.errors import AmbiguousTimes
from app.parsing.times.decimal_years import LEAST_ROWS
from app.parsing.times.fields import Reading
from app.parsing.times.formats import DECIMAL_YEAR, TimeFormat
from app.parsing.times.guesses import guess_decimal_year
from app.parsing.times.periods import MEANS
from app.parsing.times.texts import Column

MOST_PROOF = 1000
# Fewer numbers that can only be weeks may be errors.
LEAST_WEEKS = 2
# Fewer months may be the same by chance.
LEAST_MONTHS = 3


def is_enough(column: Column, form: TimeFormat, text: str) -> bool:
    """Whether a column is long enough for a format that only many rows prove.

    In a short one, `2001.5` may be May or the middle of the year; `2001.05` is a month.
    """
    is_sure = "." not in form.text or len(text) == len("2001.05")
    is_decimal = bool(guess_decimal_year(text))
    return len(column) >= LEAST_ROWS or not is_decimal or (is_sure and form.text != DECIMAL_YEAR)


def require_years(column: Column, reading: Reading) -> None:
    """Refuse `Jan-01`, `Jan-02`, ... in which the numbers may be days: the month never changes."""
    if {"y", "b"} - set(reading.format.directives) or "d" in reading.format.directives:
        return
    months = np.unique(reading.times[reading.valid].astype("datetime64[us]").astype("M8[M]"))
    if len(months) < LEAST_MONTHS or len(np.unique(months.astype(np.int64) % 12)) > 1:
        return
    day = reading.format.text.replace("%y", "%d")
    raise AmbiguousTimes(
        f"Times such as {column.text(0)!r} can be a month of a year or a day without a year: the "
        f"month is the same on all rows. Say with `timestamp_format={reading.format.text}` that "
        f"the number is the year; days need a year, such as {day} %Y."
    )


def without_weeks(column: Column, group: list[Reading]) -> list[Reading]:
    """The readings without weeks by number, such as `2020-07`, unless rows can only be weeks.

    One number above 12 may be an error, and 13 is also the mean of a year.
    """
    weeks = [reading for reading in group if "V" in reading.format.directives]
    others = [reading for reading in group if "V" not in reading.format.directives]
    if not weeks or not others:
        return group
    only_weeks = weeks[0].valid & ~np.logical_or.reduce([reading.valid for reading in others])
    rows = np.flatnonzero(only_weeks)[:MOST_PROOF].tolist()
    proof = [row for row in rows if int(column.text(row)[-2:]) > MEANS["m"]]
    return group if len(proof) >= LEAST_WEEKS else others
