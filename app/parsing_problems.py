"""Translate errors of reading a file to problems, each with a status and its own type."""

from typing import cast

from app.errors import Invalid, NoRoom, ServiceError, TooLarge, Unavailable
from app.parsing import errors
from app.parsing.errors import ParsingError

# The base gives the status of each error; the error's name and docstring give its type and
# description.
BASES: dict[type[ParsingError], type[ServiceError]] = {
    errors.FileTooLarge: TooLarge,
    errors.DamagedFile: Invalid,
    errors.NotATable: Invalid,
    errors.MissingColumns: Invalid,
    errors.UnreadableTimes: Invalid,
    errors.TooManyBadRows: Invalid,
    errors.SeveralSeries: Invalid,
    errors.ConflictingRows: Invalid,
    errors.SeveralTables: Invalid,
    errors.CountedPeriods: Invalid,
    errors.AmbiguousTimes: Invalid,
    errors.AmbiguousZone: Invalid,
    errors.AmbiguousNumbers: Invalid,
    errors.MixedDelimiters: Invalid,
    errors.OptionInvalid: Invalid,
    errors.UnknownColumn: Invalid,
    errors.TemporaryDiskFull: NoRoom,
    errors.TemporaryFolderUnavailable: Unavailable,
}


def _problem(error: type[ParsingError], base: type[ServiceError]) -> type[ServiceError]:
    body = {"__doc__": error.__doc__, "__module__": __name__}
    return cast(type[ServiceError], type(error.__name__, (base,), body))


PROBLEMS = {error: _problem(error, base) for error, base in BASES.items()}
# Problems of an inspection: it reports the other errors in its answer.
INSPECTION_PROBLEMS = [each for each in PROBLEMS.values() if not issubclass(each, Invalid)]


def as_problem(error: ParsingError) -> ServiceError:
    """The problem of an error, by its most specific class in `PROBLEMS`."""
    problem = next(PROBLEMS[kind] for kind in type(error).__mro__ if kind in PROBLEMS)
    return problem(error.detail, errors=error.errors)
