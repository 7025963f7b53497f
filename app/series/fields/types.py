"""Types of fields that requests share: names of series, zones, steps, calendars."""

from typing import Annotated

from pydantic import AfterValidator, Field

from app.calendars.codes import calendar_name
from models.calendars.cadence import Cadence
from models.calendars.timezones import find_zone
from models.errors import DataError

SeriesName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        description="Letters, digits, `.`, `_` and `-`; at most 100 characters.",
        examples=["jena"],
    ),
]


def _known_timezone(name: str) -> str:
    try:
        find_zone(name)
    except DataError as error:
        raise ValueError(str(error)) from error
    return name


def _cadence_text(text: str) -> str:
    try:
        return Cadence.parse(text).text
    except DataError as error:
        raise ValueError(str(error)) from error


def _calendar_name(text: str) -> str:
    try:
        return calendar_name(text)
    except DataError as error:
        raise ValueError(str(error)) from error


Calendar = Annotated[
    str,
    AfterValidator(_calendar_name),
    Field(
        description="When rows are expected. `continuous`: at every step. `sessions`: in the hours "
        "and on the weekdays that are learnt from the rows. Or the code of an exchange, such as "
        "`XNYS`, `XNSE` or `XTKS`: its hours, holidays, half days and breaks, from "
        "exchange_calendars. Beyond its published calendar, sessions are those of a usual week.",
        examples=["sessions"],
    ),
]

TimezoneName = Annotated[
    str,
    AfterValidator(_known_timezone),
    Field(description="IANA name: the zone of times without an offset, and of days."),
]
CadenceText = Annotated[
    str,
    AfterValidator(_cadence_text),
    Field(description="The step between rows, such as `10min`, `1h`, `1D`, `B` or `MS`."),
]
