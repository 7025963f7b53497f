"""What is known of a file while it is read, so that a failed reading can still be described."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from app.parsing.findings import Example
from app.parsing.values.cells import CellKind


@dataclass(slots=True)
class ReadingRecord:
    """Filled step by step; what the reading did not reach stays empty.

    Args:
        dialect: How the file is written, in terms of the options.
        lines: The first lines of a text file that are not blank.
        names: The columns' names.
        kinds: The usual kind of each column's fields.
        time: The columns that hold the time.
        time_copies: Other columns that hold the same time again.
        channels: The channel that each column became.
    """

    MOST_LINES: ClassVar[int] = 10

    dialect: dict[str, Any] = field(default_factory=dict)
    lines: list[Example] = field(default_factory=list)
    names: tuple[str, ...] = ()
    kinds: tuple[CellKind, ...] = ()
    time: tuple[int, ...] = ()
    time_copies: frozenset[int] = frozenset()
    channels: dict[int, str] = field(default_factory=dict)

    def take(self, other: "ReadingRecord") -> None:
        """Replace everything by another record's content."""
        for name in ("dialect", "lines", "names", "kinds", "time", "time_copies", "channels"):
            setattr(self, name, getattr(other, name))
