"""Put rows together by a step, such as trades into bars of a minute."""

import re
from dataclasses import replace

import numpy as np

from app.parsing.channels import Channels
from app.parsing.errors import OptionInvalid
from app.parsing.options import ReadOptions
from app.parsing.times.fields import Integers
from models.calendars.cadence import Cadence
from models.errors import DataError, Problem
from models.grid.bins import Bins
from models.grid.summaries import Rule

PRICE_NAME = re.compile(r".*(price|px|last|rate|close|quote|kurs|prix|precio|prezzo)")
BAR: dict[str, Rule] = {"open": "first", "high": "max", "low": "min", "close": "last"}


def begin_of_step(times: Integers, options: ReadOptions) -> Integers:
    """The beginning of the step of `every` that each time lies in; the times without it.

    Raises:
        OptionInvalid: If `every` is not a step, or `duplicates` does not say how rows become one.
    """
    if options.every is None:
        if options.duplicates == "ohlc":
            raise _invalid(
                "duplicates", "`duplicates=ohlc` needs the length of a bar: `every=1min`"
            )
        return times
    if options.duplicates in (None, "refuse"):
        raise _invalid(
            "every",
            "`every` needs what stands for the rows of a step: `duplicates=ohlc`, `last`, `first`, "
            "`mean` or `sum`",
        )
    try:
        step = Cadence.parse(options.every)
    except DataError as error:
        raise _invalid("every", str(error)) from error
    bins = Bins(step, None, options.zone, bars=True)
    moments = times.view("datetime64[us]")
    return bins.names(bins.points().index_at_or_after(moments)).view(np.int64)


def as_bars(channels: Channels, columns: int, options: ReadOptions) -> Channels:
    """The channels of bars, made of prices; the others are summed.

    Args:
        channels: What was read.
        columns: The number of columns of the file; new channels get later numbers.
        options: Whether there are to be bars, and of which column.
    """
    if options.duplicates != "ohlc":
        return channels
    names = list(channels.names.values())
    place = _price(names, options)
    others = [n for n in range(len(names)) if n != place and names[n] not in BAR]
    numbers = list(channels.names)
    new = {columns + n: name for n, name in enumerate(BAR)}
    kept = {numbers[n]: names[n] for n in others}
    sums: list[Rule] = ["sum"] * len(others)
    return replace(
        channels,
        kind="ohlc" if options.kind is None else options.kind,
        names={**new, **kept},
        values=channels.values[:, [place] * len(BAR) + others],
        rules=(*BAR.values(), *sums),
    )


def _price(names: list[str], options: ReadOptions) -> int:
    """The place of the channel that bars are made of."""
    if options.value is not None:
        if options.value in names:
            return names.index(options.value)
        message = f"`value` must name a channel ({', '.join(names)}). Received: {options.value!r}"
        raise _invalid("value", message)
    found = [n for n, name in enumerate(names) if PRICE_NAME.fullmatch(name.lower())]
    if len(names) == 1 or len(found) == 1:
        return found[0] if found else 0
    raise _invalid("value", f"Name the column of the prices with `value=`: {', '.join(names)}")


def _invalid(parameter: str, message: str) -> OptionInvalid:
    return OptionInvalid(message, [Problem(f"/query/{parameter}", message)])
