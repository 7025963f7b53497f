"""What is known of a file while it is read, so that a refusal can still show what was seen."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from app.parsing.findings import Example
from app.parsing.values.cells import CellKind


@dataclass(slots=True)
class Progress:
    """Filled step by step; what a file's reading did not come to stays empty.

    Args:
        dialect: How the file is written, in the words of the options.
        lines: The first lines of a text file that hold anything.
        names: The columns' names.
        kinds: What the fields of each column mostly are.
        time: Which columns hold the time.
        again: Which other columns say the time once more.
        channels: The channel that each column became.
    """

    MOST_LINES: ClassVar[int] = 10

    dialect: dict[str, Any] = field(default_factory=dict)
    lines: list[Example] = field(default_factory=list)
    names: tuple[str, ...] = ()
    kinds: tuple[CellKind, ...] = ()
    time: tuple[int, ...] = ()
    again: frozenset[int] = frozenset()
    channels: dict[int, str] = field(default_factory=dict)

    def take(self, other: "Progress") -> None:
        """Know what another one knows."""
        for name in ("dialect", "lines", "names", "kinds", "time", "again", "channels"):
            setattr(self, name, getattr(other, name))
