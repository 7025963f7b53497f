"""The problem that answers each error of reading a file: its status, and a type of its own."""

from typing import cast

from app.errors import Invalid, NoRoom, ServiceError, TooLarge, Unavailable
from app.parsing import errors
from app.parsing.errors import ParsingError

# The status of each error is that of a base. Its type and description are its own name and
# docstring.
BASES: dict[type[ParsingError], type[ServiceError]] = {
    errors.FileTooLarge: TooLarge,
    errors.DamagedFile: Invalid,
    errors.NotATable: Invalid,
    errors.MissingColumns: Invalid,
    errors.UnreadableTimes: Invalid,
    errors.TooManyBadRows: Invalid,
    errors.SeveralSeries: Invalid,
    errors.ConflictingRows: Invalid,
    errors.AmbiguousTimes: Invalid,
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
# An inspection reports the others in its answer.
INSPECTION_PROBLEMS = [each for each in PROBLEMS.values() if not issubclass(each, Invalid)]


def as_problem(error: ParsingError) -> ServiceError:
    """The problem of an error; the most specific class of the table counts."""
    problem = next(PROBLEMS[kind] for kind in type(error).__mro__ if kind in PROBLEMS)
    return problem(error.detail, errors=error.errors)
