"""Columns of texts that are times: find the groups of a format in all rows."""

import itertools
import re
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from app.parsing.times.formats import TimeFormat

Integers = npt.NDArray[np.int64]

DIGITS = frozenset("YymdjHMS")
UTC_NAMES = frozenset({"Z", "z", "UTC", "GMT"})
ZERO = np.uint8(ord("0"))


class Column:
    """An Arrow array of trimmed strings; formats that differ only in their order share a search."""

    def __init__(self, texts: Any) -> None:
        self.texts = texts
        self._found: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self.texts)

    def text(self, row: int) -> str:
        """The text of one row."""
        return str(self.texts[row])

    def search(self, form: TimeFormat) -> Any:
        """The groups of a format in every row, as an Arrow struct; null where it fails."""
        import pyarrow.compute as pc

        numbers = itertools.count()
        pattern = re.sub(r"\?P<\w+>", lambda match: f"?P<g{next(numbers)}>", form.pattern)
        if pattern not in self._found:
            self._found[pattern] = pc.extract_regex(self.texts, pattern)
        return self._found[pattern]

    def digits(self, form: TimeFormat) -> dict[str, Integers] | None:
        """The numbers of a format's groups, if every row is written like the first one.

        In most columns the digits of all rows are at the same positions, so that no regular
        expression is needed. None if any row differs.
        """
        text = self.text(0) if len(self) else ""
        first, cells = re.match(form.pattern, text), self._bytes if text.isascii() else None
        if first is None or cells is None or not set(form.directives) <= DIGITS | {"z"}:
            return None
        groups = {name: first.span(name) for name in form.directives}
        zone = groups.pop("z", None)
        in_groups = {place for span in groups.values() for place in range(*span)}
        literal = set(range(len(cells))) - in_groups
        is_other_zone = zone is not None and first["z"] not in UTC_NAMES
        if is_other_zone or any((cells[place] != cells[place, 0]).any() for place in literal):
            return None
        # Bytes before the zero become large numbers.
        if any((cells[place] - ZERO > 9).any() for place in in_groups):
            return None
        found = {name: _number(cells[slice(*span)]) for name, span in groups.items()}
        return found | ({"z": np.zeros(len(self), dtype=np.int64)} if zone else {})

    @cached_property
    def _bytes(self) -> npt.NDArray[np.uint8] | None:
        """The bytes at each place of all texts; None if they differ in length."""
        texts = self.texts
        if texts.null_count:
            return None
        offsets = np.frombuffer(texts.buffers()[1], dtype=np.int32)
        offsets = offsets[texts.offset : texts.offset + len(texts) + 1]
        width = int(offsets[1] - offsets[0])
        if not width or (np.diff(offsets) != width).any():
            return None
        content = np.frombuffer(texts.buffers()[2], dtype=np.uint8)[offsets[0] : offsets[-1]]
        return np.ascontiguousarray(content.reshape(len(texts), width).T)


def _number(digits: npt.NDArray[np.uint8]) -> Integers:
    """Numbers of at most four digits, from the bytes at each place."""
    number = np.zeros(digits.shape[1], dtype=np.int16)
    for digit in digits:
        number = number * 10 + (digit - ZERO)
    return number.astype(np.int64)
