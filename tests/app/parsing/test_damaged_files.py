"""Hundreds of damaged files: what is accepted is what the generator wrote, the rest is refused.

Row `n` holds temp(n) and rain(n) of `tests.app.parsing.dialects.writers`, at `TIMES[n]`.
"""

import gzip
import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from app.parsing.errors import FileTooLarge, UnreadableFile
from app.parsing.reader import Table
from tests.app.parsing.dialects.arrow_files import arrow_file, arrow_stream, arrow_table, parquet
from tests.app.parsing.dialects.databases import json_lines, json_rows
from tests.app.parsing.dialects.writers import (
    ROWS,
    TIMES,
    european,
    plain,
    rain,
    temp,
    weather,
    zipped,
)
from tests.app.parsing.files import read_bytes

pytestmark = pytest.mark.unit

SEEDS = range(40)
# None of these makes a number or a time of what is none.
NOISE = "xyzqw@&~=_"
MARKS = (",", ";", "\t", "|")
FORMS = ("%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M", "%m/%d/%Y %I:%M %p", "%Y%m%d %H%M%S", "%s")
TRUTH = {int(moment.timestamp()) * 1_000_000: (temp(n), rain(n)) for n, moment in enumerate(TIMES)}


# Without a header the columns have numbers for names.
CHANNELS = {"temp": 0, "rain": 1, "column_2": 0, "column_3": 1}


@dataclass(frozen=True)
class Dialect:
    """A way of writing the weather."""

    mark: str
    form: str
    number: Callable[[float | None], str]

    def lines(self) -> list[str]:
        """Header and rows."""
        header = self.mark.join(["time", "temp", "rain"]) + "\n"
        text = weather(header, mark=self.mark, time=self.form, number=self.number)
        return text.splitlines(keepends=True)


def dice_of(seed: int) -> random.Random:
    """Chance that falls the same way in every run."""
    return random.Random(seed)  # noqa: S311


def dialect_of(dice: random.Random) -> Dialect:
    """One of the dialects; a decimal comma does not go with a separating one."""
    mark = dice.choice(MARKS)
    return Dialect(
        mark, dice.choice(FORMS), plain if mark == "," else dice.choice([plain, european])
    )


def read(content: bytes) -> Table | None:
    """The table of a file; None if it is refused, and nothing else may happen."""
    try:
        return read_bytes(content)
    except (FileTooLarge, UnreadableFile):
        return None


def require_truth(table: Table | None, *, but: int = 0) -> None:
    """At most a number of rows differ from the truth; a missing value does not count."""
    if table is None:
        return
    wrong = 0
    for time, values in zip(table.times.tolist(), table.values.tolist(), strict=True):
        expected = TRUTH.get(time, ())
        same = [
            value == expected[CHANNELS[name]] or np.isnan(value)
            for name, value in zip(table.channels, values, strict=True)
            if expected and name in CHANNELS
        ]
        wrong += not (same and all(same))
    assert wrong <= but


def noisy(seed: int) -> bytes:
    """A file with noise in up to 25 places."""
    dice = dice_of(seed)
    lines = dialect_of(dice).lines()
    for _ in range(dice.randint(1, 25)):
        row, noise = dice.randint(1, ROWS), "".join(dice.choices(NOISE, k=dice.randint(1, 4)))
        place = dice.randrange(len(lines[row]))
        lines[row] = lines[row][:place] + noise + lines[row][place:]
    return "".join(lines).encode()


def test_most_noisy_files_are_still_read() -> None:
    tables = [read(noisy(seed)) for seed in SEEDS]
    assert sum(table is not None for table in tables) > 0.5 * len(SEEDS)


@pytest.mark.parametrize("seed", SEEDS)
class TestDamagedText:
    def test_noise_in_fields_makes_no_numbers(self, seed: int) -> None:
        require_truth(read(noisy(seed)))

    def test_a_file_that_breaks_off_is_true_but_for_its_last_row(self, seed: int) -> None:
        dice = dice_of(seed)
        text = "".join(dialect_of(dice).lines())
        require_truth(read(text[: dice.randrange(1, len(text))].encode()), but=1)

    def test_rows_with_their_columns_in_another_order_are_not_taken(self, seed: int) -> None:
        dice = dice_of(seed)
        dialect = dialect_of(dice)
        lines = dialect.lines()
        for row in dice.sample(range(1, ROWS + 1), dice.randint(1, ROWS)):
            time, *numbers = lines[row].rstrip("\n").split(dialect.mark)
            lines[row] = dialect.mark.join([*numbers, time]) + "\n"
        require_truth(read("".join(lines).encode()))

    def test_missing_and_doubled_lines_and_fields_shift_nothing(self, seed: int) -> None:
        dice = dice_of(seed)
        dialect = dialect_of(dice)
        lines = dialect.lines()
        for row in dice.sample(range(1, ROWS + 1), dice.randint(1, 12)):
            time, first, second = lines[row].rstrip("\n").split(dialect.mark)
            cells = dice.choice(
                [
                    [],
                    [time, first],
                    [first, second],
                    [time, first, second, second],
                    [time, time, first, second],
                    [time, "", second],
                    ["", first, second],
                    [time, '"' + first, second],
                ]
            )
            lines[row] = dialect.mark.join(cells) + "\n"
        require_truth(read("".join(lines).encode()))

    def test_two_dialects_in_one_file_are_both_read_or_refused(self, seed: int) -> None:
        dice = dice_of(seed)
        one, other = dialect_of(dice).lines(), dialect_of(dice).lines()
        mixed = [dice.choice([a, b]) for a, b in zip(one, other, strict=True)]
        cut = dice.randrange(1, ROWS)
        require_truth(read("".join(mixed).encode()))
        require_truth(read("".join(one[:cut] + other[cut:]).encode()))
        require_truth(read("".join(one[:cut] + other).encode()))

    def test_random_bytes_harm_their_own_rows_only(self, seed: int) -> None:
        dice = dice_of(seed)
        content = bytearray("".join(dialect_of(dice).lines()).encode())
        start = content.index(b"\n") + 1
        damages = dice.randint(1, 8)
        for _ in range(damages):
            content[dice.randrange(start, len(content))] = dice.randrange(256)
        # A lost line end joins two rows, and a new one makes two of one.
        require_truth(read(bytes(content)), but=2 * damages)

    def test_damaged_json_lines_are_true(self, seed: int) -> None:
        dice = dice_of(seed)
        lines = json_lines(json_rows()).splitlines(keepends=True)
        for _ in range(dice.randint(1, 10)):
            row = dice.randrange(ROWS)
            place = dice.randrange(len(lines[row]))
            lines[row] = lines[row][:place] + dice.choice(NOISE) + lines[row][place:]
        require_truth(read("".join(lines).encode()), but=0)

    def test_damaged_archives_are_refused_or_whole(self, seed: int) -> None:
        dice = dice_of(seed)
        text = weather().encode()
        for packed in (gzip.compress(text), zipped({"a.csv": text})):
            content = bytearray(packed)
            for _ in range(dice.randint(1, 3)):
                content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
            require_truth(read(bytes(content)))
            require_truth(read(packed[: dice.randrange(len(packed))]))

    def test_damaged_arrow_files_are_read_or_refused(self, seed: int) -> None:
        dice = dice_of(seed)
        table = arrow_table(symbol=["x"] * ROWS)
        for whole in (parquet(table), arrow_stream(table), arrow_file(table, "zstd")):
            content = bytearray(whole)
            for _ in range(dice.randint(1, 5)):
                content[dice.randrange(len(content))] = dice.randrange(256)
            read(bytes(content))
            read(whole[: dice.randrange(len(whole))])
