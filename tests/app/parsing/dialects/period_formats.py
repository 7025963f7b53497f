"""Quarters, half-years, months and weeks as statistical offices and programs write them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.app.parsing.dialects.writers import (
    DAYS,
    HOUR,
    MONTHS,
    ROWS,
    Case,
    case,
    parts,
    times_of,
    weather,
)

QUARTERS = [datetime(1990 + n // 4, n % 4 * 3 + 1, 1, tzinfo=UTC) for n in range(ROWS)]
HALVES = [datetime(1990 + n // 2, n % 2 * 6 + 1, 1, tzinfo=UTC) for n in range(ROWS)]
# The year 2020 has a week 53.
WEEKS = times_of(timedelta(days=7), datetime(2020, 6, 1, tzinfo=UTC))
HOURS = times_of(HOUR)
QUARTER_HOURS = times_of(HOUR / 4)


def quarter(text: str) -> Callable[[datetime], str]:
    """A format with `{q}` or the Roman `{r}` for the quarter, `{Y}` and `{y}` for the year."""

    def write(moment: datetime) -> str:
        number = (moment.month + 2) // 3
        roman = ("I", "II", "III", "IV")[number - 1]
        return text.format(q=number, r=roman, Y=moment.year, y=f"{moment:%y}")

    return write


def half(text: str) -> Callable[[datetime], str]:
    """The same for half-years."""
    return lambda m: text.format(q=(m.month + 5) // 6, Y=m.year, y=f"{m:%y}")


def number_of_month(text: str) -> Callable[[datetime], str]:
    """The same for months without a leading zero."""
    return lambda m: text.format(q=m.month, Y=m.year)


def decimal(shift: float, digits: int) -> Callable[[datetime], str]:
    """A month as a decimal year, at its beginning or at its middle."""
    return lambda m: f"{m.year + (m.month - 1 + shift) / 12:.{digits}f}"


def clock_number(text: str) -> Callable[[datetime], str]:
    """A strptime format with `{}` for a time of day without leading zeros."""
    return lambda m: m.strftime(text).format(m.hour * 100 + m.minute)


def ends(text: str, mark: str, length: timedelta) -> Callable[[datetime], str]:
    """A moment and the end of its interval."""
    return lambda m: f"{m.strftime(text)}{mark}{(m + length).strftime(text)}"


QUARTER_FORMS = [
    "{Y}-{q}",
    "{Y}/{q}",
    "{Y}:{q}",
    "{Y}.{q}",
    "{Y}_{q}",
    "{Y}-0{q}",
    "{q}/{Y}",
    "{q}-{Y}",
    "{Y} q{q}",
    "{Y}Q{q}",
    "{Y}:Q{q}",
    "{Y}-Q0{q}",
    "{Y} Qtr {q}",
    "{Y}K{q}",
    "{Y}-T{q}",
    "Q{q}'{y}",
    "Q{q} '{y}",
    "Q{q}-{y}",
    "{q}Q{y}",
    "{q}Q {Y}",
    "{y}Q{q}",
    "{q}. Quartal {Y}",
    "FY{Y} Q{q}",
    "FY{y}Q{q}",
    "Q{q} FY{Y}",
    "{Y} quarter {q}",
    "{q}. trim {Y}",
    "{Y} {r}",
    "{r} {Y}",
    "{r} kw. {Y}",
]
HALF_FORMS = ["{Y}-{q}", "{Y} H{q}", "{Y}S{q}", "H{q} {Y}", "{q}H{Y}", "{Y}-S{q}", "{Y}.{q}"]
MONTH_FORMS = ["{Y}-{q}", "{Y}:{q}", "{Y} M{q}", "{q}/{Y}", "M{q} {Y}", "{Y} {q}"]
WEEK_FORMS = ["%G-W%V", "%GW%V", "%G-%V", "%G%V", "W%V %G", "KW%V/%G", "%G-W%V-%u", "%G week %V"]
NAMED_MONTHS = ["%Y %b", "%y-%b", "%Y-%B", "%b%Y", "%b'%y", "%Y/%b", "%b. %Y", "%Y%b"]

PERIODS: list[tuple[str, str | Callable[[datetime], str], list[datetime]]] = [
    *((f"quarters {text}", quarter(text), QUARTERS) for text in QUARTER_FORMS),
    *((f"half-years {text}", half(text), HALVES) for text in HALF_FORMS),
    *((f"months {text}", number_of_month(text), MONTHS) for text in MONTH_FORMS),
    *((f"weeks {text}", text, WEEKS) for text in WEEK_FORMS),
    *((f"months {text}", text, MONTHS) for text in NAMED_MONTHS),
    *((f"decimal months, {d} digits", decimal(0.0, d), MONTHS) for d in (2, 3, 5)),
    *((f"middles of months, {d} digits", decimal(0.5, d), MONTHS) for d in (2, 3, 5)),
    ("decimal months of any length", lambda m: f"{m.year + (m.month - 1) / 12}", MONTHS),
    ("months as numbers", lambda m: f"{m:%Y.%m}".removesuffix("0"), MONTHS),
    ("day of the year", "%Y-%j", DAYS),
    ("day of the year, compact", "%Y%j", DAYS),
    ("intervals of ISO", ends("%Y-%m-%dT%H:%M:%S.0", "/", HOUR), HOURS),
    ("intervals with two dashes", ends("%Y-%m-%dT%H:%MZ", "--", HOUR), HOURS),
    ("intervals with a length", "%Y-%m-%dT%H:%M:%SZ/PT1H", HOURS),
    ("months first, proven by equal steps", "%m/%d/%Y", MONTHS),
    ("days first, proven by equal steps", "%d.%m.%y", MONTHS),
    ("hours of few days, days first", "%d/%m/%Y %H:%M", HOURS),
    ("hours of few days, months first", "%m-%d-%y %H:%M", HOURS),
]

# The columns' names, their fields, and the times.
IN_COLUMNS: list[tuple[str, str | Callable[[datetime], str], list[datetime]]] = [
    ("Year,Quarter", quarter("{Y},Q{q}"), QUARTERS),
    ("Year,Quarter", quarter("{Y},{q}"), QUARTERS),
    ("Quarter,Year", quarter("Q{q},{Y}"), QUARTERS),
    ("fy,qtr", quarter("FY{Y},{q}"), QUARTERS),
    ("year,period", quarter("{Y},Q0{q}"), QUARTERS),
    ("year,period", quarter("{Y},{q}"), QUARTERS),
    ("jahr,quartal", quarter("{Y},0{q}"), QUARTERS),
    ("yr,when", quarter("{Y},Q{q}"), QUARTERS),
    ("year,quarter", quarter("{Y},{r}"), QUARTERS),
    ("year,when", "%Y,%b", MONTHS),
    ("Year,Half", half("{Y},H{q}"), HALVES),
    ("Year,Semester", half("{Y},{q}"), HALVES),
    ("year,period", half("{Y},S0{q}"), HALVES),
    ("year,period", "%Y,M%m", MONTHS),
    ("year,period", number_of_month("{Y},{q}"), MONTHS),
    ("Year,Week", "%G,%V", WEEKS),
    ("year,iso_week", "%G,W%V", WEEKS),
    ("jahr,kw", "%G,%V", WEEKS),
    ("Year,DOY,HHMM", clock_number("%Y,%j,{}"), QUARTER_HOURS),
    ("yr,jday,UTC", clock_number("%Y,%j,{}"), QUARTER_HOURS),
    ("Year,DOY,x", clock_number("%Y,%j,{}"), QUARTER_HOURS),
    ("year,month,day,time", clock_number("%Y,%m,%d,{}"), QUARTER_HOURS),
]


def hour_to_24(moment: datetime) -> str:
    """The hours 1 to 24 of a day, each with minute 60."""
    before = moment - HOUR
    return f"{before:%Y,%m,%d},{before.hour + 1},60"


PERIOD_CASES: list[Case] = [
    *(
        case(f"time: {name}", weather(time=form, times=times), times)
        for name, form, times in PERIODS
    ),
    *(
        case(f"columns {names} {n}", parts(names, form, times=times), times)
        for n, (names, form, times) in enumerate(IN_COLUMNS)
    ),
    case(
        "named columns of a day of the year and a clock",
        parts("Year,DOY,HHMM", clock_number("%Y,%j,{}"), times=QUARTER_HOURS),
        QUARTER_HOURS,
        timestamp="Year,DOY,HHMM",
    ),
    case(
        "given format of a clock without leading zeros",
        parts("a,b,c", clock_number("%Y,%j,{}"), times=QUARTER_HOURS),
        QUARTER_HOURS,
        timestamp="a,b,c",
        timestamp_format="%Y %j %H%M",
    ),
    case(
        "hours to 24 with minute 60",
        weather("year,month,day,hour,minute,temp,rain\n", time=hour_to_24, times=HOURS),
        HOURS,
    ),
    *(
        case(
            f"seconds since 1970 as {name}",
            weather(f"{name},temp,rain\n", time=lambda m: f"{m.timestamp():.0f}", times=HOURS),
            HOURS,
        )
        for name in ("ts", "created", "when", "x")
    ),
]
