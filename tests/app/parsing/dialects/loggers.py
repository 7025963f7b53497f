"""Files of loggers, meters and counters: date and clock in two columns, hours as numbers."""

from collections.abc import Callable
from datetime import datetime, timedelta

from tests.app.parsing.dialects.writers import HOUR, case, epoch, parts, renamed, times_of, weather


def unpadded(form: Callable[[datetime], int]) -> Callable[[datetime], str]:
    """Date and a clock as a number without leading zeros."""
    return lambda moment: f"{moment:%Y%m%d},{form(moment)}"


LOGGERS = [
    case("date and clock", parts("date,clock", "%d/%m/%Y,%H.%M.%S")),
    case("date and hour as a number", parts("date,hour", lambda m: f"{m:%Y-%m-%d},{m.hour}")),
    case(
        "date and hour ending",
        parts("date,hour_ending", lambda m: f"{m - HOUR:%Y-%m-%d},{(m - HOUR).hour + 1}"),
    ),
    case("date and hr", parts("dteday,hr", lambda m: f"{m:%Y-%m-%d},{m.hour}")),
    case("date and clock as HHMM", parts("date,time", "%Y%m%d,%H%M")),
    case("date and clock as HHMMSS", parts("date,time", "%Y%m%d,%H%M%S")),
    case(
        "date and clock as HMM without zeros",
        parts(
            "date,time",
            unpadded(lambda m: m.hour * 100 + m.minute),
            times=times_of(timedelta(minutes=25)),
        ),
        times_of(timedelta(minutes=25)),
    ),
    case(
        "date and clock as HMMSS without zeros",
        parts("date,time", unpadded(lambda m: m.hour * 10000 + m.minute * 100)),
    ),
    case("date and clock of a zone", parts("Date;Hour UTC", "%Y/%m/%d;%H%M UTC", ";")),
    case(
        "date and hour without names",
        weather(None, time=lambda m: f"{m:%Y-%m-%d},{m.hour}", times=times_of(HOUR)),
        times_of(HOUR),
        renamed("column_3", "column_4"),
    ),
    case("clock before date", parts("time,date", "%H:%M,%Y-%m-%d")),
    case("date and clock with AM and PM", parts("date,time", "%m/%d/%Y,%I:%M %p")),
    case(
        "epoch beside a date", parts("unix,date", lambda m: f"{epoch(1)(m)},{m:%Y-%m-%d %H:%M:%S}")
    ),
]
