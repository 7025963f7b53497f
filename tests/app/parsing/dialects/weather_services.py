"""Tables of weather services: parts of dates in columns, hours to 24, a row for each year."""

from tests.app.parsing.dialects.writers import (
    DAYS,
    HOUR,
    MONTHS,
    ROWS,
    WEATHER,
    aligned,
    case,
    parts,
    plain,
    renamed,
    temp,
    weather,
)


def by_year(header: str, mark: str, behind: str = "") -> str:
    """The temperatures of forty months, a row for each year; months to come are stars."""
    cells = [plain(temp(n)) for n in range(ROWS)] + ["*"] * (-ROWS % 12)
    rows = [
        mark.join([str(MONTHS[n].year), *cells[n : n + 12]]) + behind for n in range(0, ROWS, 12)
    ]
    return header + "".join(f"{row}\n" for row in rows)


WEATHER_SERVICES = [
    case("months without a name", weather(",temp,rain\n", time="%Y%m", times=MONTHS), MONTHS),
    case(
        "date and hours to 2400",
        # The clock in the name is eight hours behind UTC.
        parts(
            "Date,Hour (PST)",
            lambda m: f"{m - 9 * HOUR:%m/%d/%Y},{(m - 9 * HOUR).hour + 1:02}00",
        ),
    ),
    case("year, month", parts("year,month", lambda m: f"{m.year},{m.month}", times=MONTHS), MONTHS),
    case("year and month name", parts("Year,Month", "%Y,%b", times=MONTHS), MONTHS),
    case(
        "year, month, day",
        parts("year,month,day", lambda m: f"{m.year},{m.month},{m.day}", times=DAYS),
        DAYS,
    ),
    case("day, month, year", parts("Day,Month,Year", "%d,%m,%Y", times=DAYS), DAYS),
    case(
        "year, month, day, hour",
        parts("year,month,day,hour", lambda m: f"{m.year},{m.month},{m.day},{m.hour}"),
    ),
    case("year, month, day, clock", parts("YYYY,MM,DD,Time", "%Y,%m,%d,%H:%M")),
    case("year, month, day, hour, minute", parts("yr,mo,dy,hr,mn", "%Y,%m,%d,%H,%M")),
    case(
        "buoy",
        aligned(
            weather("#YY,MM,DD,hh,mm,temp,rain\n#yr,mo,dy,hr,mn,degC,mm\n", time="%Y,%m,%d,%H,%M")
        ),
    ),
    case(
        "station, day and hours to 24",
        parts(
            "# STN,YYYYMMDD,   HH",
            lambda m: f"  260,{m - HOUR:%Y%m%d},{(m - HOUR).hour + 1:5d}",
        ),
        values={"STN": [260.0] * ROWS, **WEATHER},
    ),
    case(
        "year and month without names",
        aligned(weather(None, time="%Y,%m", times=MONTHS)),
        MONTHS,
        renamed("column_3", "column_4"),
    ),
    case(
        "station, year, month, day and hour without names",
        weather(None, time=lambda m: f"7;{m.year};{m.month};{m.day};{m.hour}", mark=";"),
        values={"column_1": [7.0] * ROWS, **renamed("column_6", "column_7")},
    ),
    case(
        "year, month and day without names, newest first",
        "".join(reversed(weather(None, time="%Y;%m;%d", mark=";", times=DAYS).splitlines(True))),
        DAYS,
        renamed("column_4", "column_5"),
    ),
    case(
        "a row for each year",
        by_year(
            "Means\nYear,Jan,Feb,Mar,Apr,May,Jun,Jul,Aug,Sep,Oct,Nov,Dec,J-D\n", ",", behind=",9.5"
        ),
        MONTHS,
        {"value": WEATHER["temp"]},
    ),
    case(
        "a row for each year, without names",
        by_year(" 1949 1952\n", "   "),
        MONTHS,
        {"value": WEATHER["temp"]},
    ),
    case("year and day of the year", parts("year,doy", "%Y,%j", times=DAYS), DAYS),
]
