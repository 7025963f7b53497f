"""Find phrases that `docs/contributing.md` asks not to use: `python -m tools.phrases [FILE ...]`.

Texts are Markdown files and, in Python files, comments, docstrings and other strings. Names of
variables and functions are looked up in a list of their own.
"""

import io
import re
import sys
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.tracked import ROOT, tracked_files

# The list itself, and the test that shows what it finds.
EXEMPT = {"tools/phrases.py", "tests/tools/test_phrases.py"}
TEXT_TOKENS = {tokenize.STRING, tokenize.COMMENT}

# What is not written, and what is written instead.
PHRASES = {
    r"so (?:many|much)(?! as\b)": "give the number, or say `this many`",
    r"but for": "except",
    r"anew": "again, from the start; recompute, retrain",
    r"(?:is|are|was|were|be) (?:told|said)": "the active voice: who reports what",
    r"for ever": "without a limit",
    r"nobody|whoever": "name the process, the client or the function",
    r"what came(?! before| first)|came of": "the actual values, the outcome",
    r"(?<!there.)(?:is|are|was|were) no (?!longer|more than|less than|later|worse|better)": (
        "is not a ..."
    ),
    r"from which on|on which on": "from, starting at",
    r"(?:tell|tells|told|telling) (?:\S+ ){0,3}apart": "distinguish",
    r"(?:kept|keep|keeps|put|puts) (?:\S+ ){0,2}aside": "quarantined, stored",
    r"a coin|coin's|the coin": "the class prior",
    r"reaper|almanac|postman": "recovery, calendars, webhook delivery",
    r"in hand": "running, loaded",
    r"than which|whereof|wherein|thereof": "a shorter sentence",
}
NAMES = {
    "said": "predicted, or what it holds",
    "came": "actual",
    "told": "reported",
    "anew": "again",
    "coin": "class_prior",
    "reaper": "recovery",
    "judge": "compare, score, check",
    "judgement": "report",
}
# A blank in a phrase may be a line break, behind the sign of a comment or of a quotation.
BLANK = r"(?:[ \t]|\n[ \t]*[#>]?)+"
_PHRASES = [
    (re.compile(rf"\b(?:{phrase.replace(' ', BLANK)})\b", re.IGNORECASE), instead)
    for phrase, instead in PHRASES.items()
]


@dataclass(frozen=True, slots=True)
class Found:
    """A phrase and where it stands."""

    place: str
    phrase: str
    instead: str

    def __str__(self) -> str:
        return f"{self.place}: {self.phrase!r}; instead: {self.instead}"


def find(path: str, text: str) -> Iterator[Found]:
    """The phrases of one file."""
    if path.endswith(".py"):
        yield from _in_python(path, text)
    else:
        yield from _in_prose(path, 1, text)


def _in_python(path: str, text: str) -> Iterator[Found]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in TEXT_TOKENS or tokenize.tok_name[token.type] == "FSTRING_MIDDLE":
            yield from _in_prose(path, token.start[0], token.string)
        elif token.type == tokenize.NAME:
            for part in token.string.lower().strip("_").split("_"):
                if part in NAMES:
                    yield Found(f"{path}:{token.start[0]}", token.string, NAMES[part])


def _in_prose(path: str, first_line: int, text: str) -> Iterator[Found]:
    """Phrases may go on in the next line, behind the sign of a comment or of a quotation."""
    for pattern, instead in _PHRASES:
        for match in pattern.finditer(text):
            line = first_line + text.count("\n", 0, match.start())
            yield Found(f"{path}:{line}", re.sub(BLANK, " ", match[0]), instead)


def main(arguments: Sequence[str]) -> int:
    """Print every phrase; 1 if there was one."""
    found = [
        each
        for path in arguments or tracked_files("*.py", "*.md")
        if path not in EXEMPT and (ROOT / path).exists()
        for each in find(path, (ROOT / path).read_text())
    ]
    for each in found:
        print(each)
    return min(len(found), 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
