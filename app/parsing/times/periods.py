"""Recognise quarters, half-years, months by number and ISO weeks in all usual writings."""

import re

# The words and letters that name a kind of period, in Western Europe, and their directive.
_WORDS = {
    "q": "q qtr qu quarter quarters quartal kv kvartal trim trimestre trimester kwartaal",
    "K": "h hy hf half halfyear sem semester semestre halbjahr",
    "V": "w wk week kw kalenderwoche woche semaine semana settimana uge vecka",
    "m": "m month monat mois mes",
}
DIRECTIVES = {word: letter for letter, words in _WORDS.items() for word in words.split()}
# Beside a year with four digits a single letter of another language is clear enough.
LETTERS = DIRECTIVES | {"k": "q", "t": "q", "s": "K"}
LARGEST = {"q": 4, "K": 2, "V": 53, "m": 12}
# The number by which tables of statistics name the mean of the year: M13, Q05, S03.
MEANS = {"m": 13, "q": 5, "K": 3}

_YEAR = r"(?:(?:FY|CY)[ -]?)?(?P<quote>['\u2019]?)(?P<year>[12]\d{3}|\d{2})"
_MARK = r"[\s\-/:._,]{0,2}"
_NUMBERED = r"(?P<word>[A-Za-z]{1,14})[ .]?(?P<number>\d{1,2})"
_ORDINAL = r"(?P<number>\d)(?:st|nd|rd|th|\.)? ?(?P<word>[A-Za-z]{1,14})\.?"
_PATTERNS = tuple(
    re.compile(text, re.IGNORECASE)
    for text in (
        rf"{_YEAR}{_MARK}{_NUMBERED}(?:-?(?P<day>[1-7]))?",
        rf"{_YEAR}{_MARK}{_ORDINAL}",
        rf"{_NUMBERED}{_MARK}{_YEAR}",
        rf"{_ORDINAL}{_MARK}{_YEAR}",
    )
)
# Only other rows show which period a number after the year counts.
_PLAIN = re.compile(r"(?P<year>[12]\d{3})[-/:._ ](?P<number>\d{1,2})")
_PLAIN_FIRST = re.compile(r"(?P<number>\d{1,2})[-/](?P<year>[12]\d{3})")
_COMPACT = re.compile(r"(?P<year>(?:19|20)\d\d)(?P<number>\d\d)")
ROMAN = re.compile("IV|I{1,3}")
_ROMANS = tuple(
    re.compile(text)
    for text in (
        rf"(?P<year>[12]\d{{3}}){_MARK}(?P<number>{ROMAN.pattern})(?: ?[A-Za-z]{{1,3}}\.?)?",
        rf"(?P<number>{ROMAN.pattern})(?: ?[A-Za-z]{{1,3}}\.?)?{_MARK}(?P<year>[12]\d{{3}})",
    )
)
_FISCAL = re.compile(r"\bFY|FY(?=[ -]?['\u2019]?%)", re.IGNORECASE)


def named_periods(text: str) -> list[str]:
    """The format of a period with its kind, such as `2001 q1`, `Q1'01`, `1H2001`, `2020-W02`."""
    for pattern in _PATTERNS:
        match = pattern.fullmatch(text)
        form = _named(match) if match else None
        if form:
            return [form]
    romans = (pattern.fullmatch(text) for pattern in _ROMANS)
    return [_roman(match) for match in romans if match][:1]


def numbered_periods(text: str) -> list[str]:
    """The formats of a year and a number, such as `2001-1`: a month, a quarter, a half-year, ..."""
    match = _PLAIN.fullmatch(text) or _PLAIN_FIRST.fullmatch(text) or _COMPACT.fullmatch(text)
    if match is None:
        return []
    number = int(match["number"])
    letters = ["m"] if 1 <= number <= LARGEST["m"] else []
    letters += [letter for letter in "qK" if 1 <= number <= LARGEST[letter]]
    letters += ["V"] if 1 <= number <= LARGEST["V"] and match.re is not _PLAIN_FIRST else []
    return [_format(match, letter) for letter in letters]


def is_unlikely(form: str) -> bool:
    """Whether a format is a quarter or half-year with two digits, which is nearly always a month.

    A form such as `2001-01` needs the proof of `regularity`, also in a short file.
    """
    return re.search(r"(%Y|[^A-Za-z])0%[qK]|^0%[qK]", form) is not None


def is_fiscal(form: str) -> bool:
    """Whether the years of a format are fiscal years, such as `FY2001 Q1`."""
    return _FISCAL.search(form) is not None


def directive_of(word: str, *, is_clear: bool = True) -> str | None:
    """The directive of a word or letter for a kind of period."""
    return (LETTERS if is_clear else DIRECTIVES).get(word.lower())


def _named(match: re.Match[str]) -> str | None:
    letter = directive_of(match["word"], is_clear=len(match["year"]) == len("2001"))
    if letter is None or "%" in match[0]:
        return None
    number = int(match["number"])
    most = max(LARGEST[letter], MEANS.get(letter, 0))
    has_day = "day" in match.re.groupindex and match["day"]
    if not 1 <= number <= most or (has_day and letter != "V"):
        return None
    return _format(match, letter)


def _roman(match: re.Match[str]) -> str:
    """A quarter in Roman numerals, such as `III 2001`."""
    spans = {match.span("year"): "%Y", match.span("number"): "%q"}
    return _replaced(match[0], spans)


def _format(match: re.Match[str], letter: str) -> str:
    """The text with directives in the places of its numbers."""
    year = "%Y" if len(match["year"]) == len("2001") else "%y"
    spans = {match.span("year"): "%G" if (letter, year) == ("V", "%Y") else year}
    start, end = match.span("number")
    # Quarters and half-years have one digit, with or without a zero before it.
    spans[(end - 1 if letter in "qK" else start, end)] = f"%{letter}"
    if "day" in match.re.groupindex and match["day"]:
        spans[match.span("day")] = "%u"
    return _replaced(match[0], spans)


def _replaced(text: str, spans: dict[tuple[int, int], str]) -> str:
    for span, directive in sorted(spans.items(), reverse=True):
        text = text[: span[0]] + directive + text[span[1] :]
    return text
