"""Formats in which a moment is written: strptime formats, Unix epochs and spreadsheet days."""

import re
from dataclasses import dataclass
from functools import lru_cache

from app.parsing.errors import OptionInvalid

EPOCH_UNITS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1, "epoch_ns": 0.001}
# The number of digits of a moment between 1973 and 5138 in each unit.
EPOCH_DIGITS = {
    "epoch_s": (9, 11),
    "epoch_ms": (12, 14),
    "epoch_us": (15, 17),
    "epoch_ns": (18, 20),
}
SPREADSHEET = "excel"
DECIMAL_YEAR, DECIMAL_MONTH, DECIMAL_DAY = "decimal_year", "decimal_month", "decimal_day"
DECIMAL_YEARS = (DECIMAL_YEAR, DECIMAL_MONTH, DECIMAL_DAY)
ORDERS = {"dayfirst": "dmy", "monthfirst": "mdy", "yearfirst": "ymd"}

_DIRECTIVES = {
    "Y": r"\d{4}",
    "y": r"\d{2}",
    "m": r"\d{1,2}",
    "d": r"\d{1,2}",
    "j": r"\d{1,3}",
    "H": r"\d{1,2}",
    "I": r"\d{1,2}",
    "M": r"\d{1,2}",
    "S": r"\d{1,2}",
    "f": r"\d{1,9}",
    "p": r"[AaPp](?:\.?[Mm]\.?)?",
    "b": r"[A-Za-zÀ-ÿ]{3,10}",
    "q": r"[1-4]|IV|III|II|I",
    "K": r"[12]",
    "G": r"\d{4}",
    "V": r"\d{1,2}",
    "u": r"[1-7]",
    "z": r"Z|z|(?:UTC|GMT)?[+-]\d{2}(?::?\d{2})?|UTC|GMT",
    "a": r"[A-Za-z]{2,9}",
}
_SYNONYMS = {"B": "b", "h": "b", "A": "a"}
_SHORTHANDS = {"T": "%H:%M:%S", "R": "%H:%M", "F": "%Y-%m-%d", "D": "%m/%d/%y"}
# Formats that are one number: the name of its group and its pattern.
_NUMBER_FORMATS = (
    dict.fromkeys(EPOCH_UNITS, ("epoch", r"[+-]?\d+(?:\.\d+)?"))
    | {
        SPREADSHEET: ("serial", r"\d{1,6}(?:\.\d+)?"),
    }
    | dict.fromkeys(DECIMAL_YEARS, ("decimal", r"[12]\d{3}(?:\.\d{1,17})?"))
)
_TWO_DIGITS = r"\d{2}"
_NUMBERS = frozenset("mdHIMSV")
_YEARS = frozenset("YyG")
_PART_OF_DATE = {"d": "d", "m": "m", "b": "m", "y": "y", "Y": "y", "G": "y"} | {
    "q": "q",
    "K": "h",
    "V": "w",
}
_TOKEN = re.compile(r"%(.)|(\s+)|(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """A format in which a moment is written.

    Args:
        text: A strptime format with %q for quarters and %K for half-years, one of `EPOCH_UNITS`,
            `SPREADSHEET`, or one of `DECIMAL_YEARS`.
        pattern: A regular expression with a named group for each directive that has a value.
        directives: The letters of those directives.
    """

    text: str
    pattern: str
    directives: tuple[str, ...]

    @property
    def order(self) -> str:
        """The order of day, month and year, such as `dmy`."""
        return "".join(_PART_OF_DATE.get(letter, "") for letter in self.directives)

    @property
    def is_digits(self) -> bool:
        """Whether a moment in this format is only digits."""
        return self.text in EPOCH_UNITS or re.fullmatch(r"(%[YmdHMS])+", self.text) is not None

    @property
    def skeleton(self) -> str:
        """The date's format without the order: formats that share it are read in the same order."""
        date = re.sub(r"%[mdyYqKGV]", "n", self.text)
        return re.split(r"%[HIMSfpz]", date)[0].strip(" T,")


@lru_cache(maxsize=1024)
def compile_format(text: str) -> TimeFormat:
    """Compile a format.

    Raises:
        OptionInvalid: If it holds an unknown directive, a directive twice, or no year.
    """
    if text in _NUMBER_FORMATS:
        group, pattern = _NUMBER_FORMATS[text]
        return TimeFormat(text, f"^(?P<{group}>{pattern})$", (group,))
    expanded = re.sub(r"%([TRFD])", lambda match: _SHORTHANDS[match[1]], text)
    tokens = _TOKEN.findall(expanded)
    parts, directives = [], []
    for number, (letter, blank, literal) in enumerate(tokens):
        name = _SYNONYMS.get(letter, letter)
        if name and name != "%" and name not in _DIRECTIVES:
            raise OptionInvalid(_unknown(text, f"%{letter}"))
        if name and name != "%":
            parts.append(_group(name, tokens[max(number - 1, 0) : number + 2]))
            directives += [name] if name != "a" else []
        else:
            parts.append(r"\s+" if blank else re.escape(literal or "%"))
    if not _YEARS & set(directives):
        raise OptionInvalid(_unknown(text, "no year"))
    if len(set(directives)) != len(directives):
        raise OptionInvalid(_unknown(text, "a directive twice"))
    return TimeFormat(text, f"^{''.join(parts)}$", tuple(directives))


def _group(name: str, neighbours: list[tuple[str, str, str]]) -> str:
    """A directive's expression; its width is fixed next to digits without a separator."""
    if name == "a":
        return _DIRECTIVES[name]
    touching = [letter for letter, _, _ in neighbours if letter and letter not in "pzbBaqK%"]
    is_fixed = name in _NUMBERS and len(touching) > 1
    group = rf"(?P<{name}>{_TWO_DIGITS if is_fixed else _DIRECTIVES[name]})"
    return rf"{group}\.?" if name == "b" else group


def _unknown(text: str, what: str) -> str:
    return (
        "`timestamp_format` must be dayfirst, monthfirst, yearfirst, epoch_s, epoch_ms, "
        "epoch_us, epoch_ns, excel, decimal_year, decimal_month, decimal_day, or a strptime format "
        "made of %Y %y %m %d %j %H %I %M %S %f %p %b %a %q (quarter) %K (half-year) %G %V "
        "%u (ISO week) %z with a year, such as "
        f"%d.%m.%Y %H:%M. Received: {text!r} ({what})"
    )
