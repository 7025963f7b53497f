"""Market bars: recognise their columns by name or by the prices, and check the rules of bars."""

import re
import unicodedata

import numpy as np
import numpy.typing as npt

from app.parsing.errors import MissingColumns
from app.parsing.findings import Findings
from app.parsing.lines import Mask
from models.arrays import Values
from models.series import SeriesKind

PRICES = ("open", "high", "low", "close")
# The likeliest first: in a file with `Close` and `Last` the close is the former. Names in other
# languages are those that exchanges and brokers use, without accents.
SYNONYMS = {
    "open": (
        *("open", "openprice", "o", "op", "1open", "opening", "openingprice"),
        *("eroffnung", "eroeffnung", "eroffnungskurs", "erster", "ouverture", "ouv", "apertura"),
        *("abertura", "开盘", "开盘价", "始値", "시가"),
    ),
    "high": (
        *("high", "highprice", "h", "hi", "2high", "max", "highest", "hoch", "hochst", "tageshoch"),
        *("haut", "plushaut", "maximo", "maxima", "massimo", "最高", "最高价", "高値", "고가"),
    ),
    "low": (
        *("low", "lowprice", "l", "lo", "3low", "min", "lowest", "tief", "tiefst", "tagestief"),
        *("bas", "plusbas", "minimo", "minima", "最低", "最低价", "安値", "저가"),
    ),
    "close": (
        *("close", "closeprice", "c", "cl", "4close", "closelast", "closing", "closingprice"),
        *("price", "last", "lastprice", "settle", "schluss", "schlusskurs", "cloture", "clot"),
        *(
            "dernier",
            "cierre",
            "ultimo",
            "chiusura",
            "fechamento",
            "收盘",
            "收盘价",
            "終値",
            "종가",
        ),
    ),
    "adj_close": (
        *("adjclose", "adjustedclose", "adjusted", "closeadj", "5adjustedclose", "closeadjusted"),
        *("adjcloseprice", "adj"),
    ),
    "volume": (
        *("volume", "vol", "v", "5volume", "6volume", "volumefrom", "tickvol", "tickvolume"),
        *("stucke", "stuecke", "volumen", "volumi", "成交量", "出来高", "거래량"),
    ),
}
# Combining marks of Latin letters; those of Hangul are outside this range.
ACCENTS = dict.fromkeys(range(0x300, 0x370))
SEPARATOR = re.compile(r"[ ._\-:/]+")
# Split-adjusted prices are rounded: a bar may violate its rule by this share.
ROUNDING = 1e-6
SURE_SHARE = 0.99
MOST_HIGH_TO_LOW = 2.0


def named_bars(names: list[str]) -> dict[str, str]:
    """The canonical names of the columns that are recognised; empty unless all prices exist.

    A symbol before or after the names is ignored, as in `GSPC.Open` or `Close AAPL`. Several
    symbols with all prices are several series, which are not bars.
    """
    split: dict[str, dict[str, str]] = {}
    for name in names:
        for affix, rest in _splits(name):
            split.setdefault(affix, {}).setdefault(_plain(rest), name)
    found = [known for known in map(_known, split.values()) if set(PRICES) <= set(known.values())]
    # `Open Price` is the open price, and also the open of a symbol called `Price`.
    prices = {tuple(sorted(_prices(known).items())) for known in found}
    return found[0] if len(prices) == 1 else {}


def _prices(known: dict[str, str]) -> dict[str, str]:
    return {name: canonical for name, canonical in known.items() if canonical in PRICES}


def _plain(name: str) -> str:
    """Letters and digits of a name, without accents."""
    composed = unicodedata.normalize("NFC", unicodedata.normalize("NFKD", name).translate(ACCENTS))
    return "".join(letter for letter in composed if letter.isalnum())


def _splits(name: str) -> list[tuple[str, str]]:
    """All ways to split a name into a symbol and the rest; the first is without a symbol."""
    lower = name.lower()
    marks = [match.span() for match in SEPARATOR.finditer(lower)]
    symbol_first = [(lower[:start] + ">", lower[end:]) for start, end in marks]
    symbol_last = [("<" + lower[end:], lower[:start]) for start, end in marks]
    return [("", lower), *symbol_first, *symbol_last]


def _known(plain: dict[str, str]) -> dict[str, str]:
    """The canonical name of each recognised column; `plain` maps plain names to columns."""
    known: dict[str, str] = {}
    for canonical, synonyms in SYNONYMS.items():
        match = next((plain[one] for one in synonyms if one in plain), None)
        if match is not None and match not in known:
            known[match] = canonical
    return known


def recognised_bars(values: Values) -> dict[int, str]:
    """Recognise columns of bars by the rules of prices: four neighbours, then the volume."""
    for first in range(values.shape[1] - 3):
        quarter = values[:, first : first + 4]
        with np.errstate(invalid="ignore"):
            holds = (quarter > 0).all(axis=1) & _obeys(quarter)
            # Pressure, wind and humidity may obey the rules too, but a bar's prices are similar.
            holds &= quarter[:, 1] <= quarter[:, 2] * MOST_HIGH_TO_LOW
        moves = (quarter[:, 1] > quarter[:, 2]).any()
        if holds.mean() >= SURE_SHARE and moves:
            found = {first + place: name for place, name in enumerate(PRICES)}
            if first + 4 < values.shape[1] and not (values[:, first + 4] < 0).any():
                found[first + 4] = "volume"
            return found
    return {}


def canonical_names(
    names: list[str],
    values: Values,
    kind: SeriesKind | None,
    *,
    has_header: bool,
    findings: Findings,
) -> tuple[list[str], SeriesKind]:
    """The channels' names and the kind; bars get the names open, high, low, close, ...

    Raises:
        MissingColumns: If bars are asked for and the columns are not those of bars.
    """
    if kind not in (None, "ohlc"):
        return names, kind or "generic"
    renamed = named_bars(names)
    if not renamed and not has_header:
        renamed = {names[place]: name for place, name in recognised_bars(values).items()}
    if not renamed and kind is None:
        return names, "generic"
    if not renamed:
        raise MissingColumns(
            "Series of the kind ohlc need the columns open, high, low and close. Received: "
            f"{', '.join(names)}. Rename them with `columns=name in the file=open`, or use "
            "another kind."
        )
    changed = [f"{old} to {new}" for old, new in renamed.items() if old != new]
    if changed:
        findings.report("renamed_columns", f"Renamed {', '.join(changed)}.", len(changed))
    taken = set(renamed.values())
    others = {name: f"{name}_2" if name in taken else name for name in names}
    return [renamed.get(name, others[name]) for name in names], "ohlc"


def broken_bars(names: list[str], values: Values) -> Mask:
    """Rows whose prices violate the rules of bars; missing prices violate none."""
    prices = values[:, [names.index(name) for name in PRICES]]
    with np.errstate(invalid="ignore"):
        return ~_obeys(prices) | (prices <= 0).any(axis=1)


def describe(names: list[str], values: npt.NDArray[np.float64]) -> str:
    """Why one row is not a bar."""
    prices = {name: float(values[names.index(name)]) for name in PRICES}
    shown = ", ".join(f"{name} {price:g}" for name, price in prices.items())
    return f"a bar needs 0 < low <= open, close <= high: {shown}"


def _obeys(prices: Values) -> Mask:
    """Whether low <= open, close <= high, for the prices that are not missing."""
    opened, high, low, closed = prices.T
    slack = ROUNDING * np.abs(high)
    breaks = low > high + slack
    for price in (opened, closed):
        breaks |= (price > high + slack) | (price < low - slack)
    return np.asarray(~breaks)
