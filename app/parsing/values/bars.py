"""Market bars: their columns known by name or by the prices, and the rules a bar obeys."""

import re
import unicodedata

import numpy as np
import numpy.typing as npt

from app.errors import Invalid
from app.parsing.findings import Findings
from app.parsing.lines import Mask
from models.arrays import Values
from models.series import SeriesKind

PRICES = ("open", "high", "low", "close")
# The likeliest first: a file with both `Close` and `Last` means the close by the former. In other
# languages as exchanges and brokers there write them, without accents.
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
# Of Latin letters; Hangul is made of marks too, but of none of these.
ACCENTS = dict.fromkeys(range(0x300, 0x370))
SEPARATOR = re.compile(r"[ ._\-:/]+")
# Prices are rounded when they are split-adjusted: a bar may miss its rule by this share.
ROUNDING = 1e-6
SURE_SHARE = 0.99
MOST_HIGH_TO_LOW = 2.0


def named_bars(names: list[str]) -> dict[str, str]:
    """The canonical names of the columns that are known; empty unless all prices are there.

    A symbol before or behind the names is no harm, as in `GSPC.Open` or `Close AAPL`; several
    symbols with all prices each are several series and no bars.
    """
    split: dict[str, dict[str, str]] = {}
    for name in names:
        for affix, rest in _splits(name):
            split.setdefault(affix, {}).setdefault(_plain(rest), name)
    found = [known for known in map(_known, split.values()) if set(PRICES) <= set(known.values())]
    # `Open Price` is the open price, and also what somebody may call the open of `Price`.
    prices = {tuple(sorted(_prices(known).items())) for known in found}
    return found[0] if len(prices) == 1 else {}


def _prices(known: dict[str, str]) -> dict[str, str]:
    return {name: canonical for name, canonical in known.items() if canonical in PRICES}


def _plain(name: str) -> str:
    """Letters and digits of a name, without accents."""
    composed = unicodedata.normalize("NFC", unicodedata.normalize("NFKD", name).translate(ACCENTS))
    return "".join(letter for letter in composed if letter.isalnum())


def _splits(name: str) -> list[tuple[str, str]]:
    """A name as a symbol and what follows or precedes it, in every way; without one first."""
    lower = name.lower()
    marks = [match.span() for match in SEPARATOR.finditer(lower)]
    before = [(lower[:start] + ">", lower[end:]) for start, end in marks]
    behind = [("<" + lower[end:], lower[:start]) for start, end in marks]
    return [("", lower), *before, *behind]


def _known(plain: dict[str, str]) -> dict[str, str]:
    """Names by what they mean, of `plain` names without marks."""
    known: dict[str, str] = {}
    for canonical, synonyms in SYNONYMS.items():
        match = next((plain[one] for one in synonyms if one in plain), None)
        if match is not None and match not in known:
            known[match] = canonical
    return known


def recognised_bars(values: Values) -> dict[int, str]:
    """Columns of bars without names, by what prices obey: four in a row, then the volume."""
    for first in range(values.shape[1] - 3):
        quarter = values[:, first : first + 4]
        with np.errstate(invalid="ignore"):
            holds = (quarter > 0).all(axis=1) & _obeys(quarter)
            # Pressure, wind and humidity obey too; the prices of a bar are near each other.
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
    """Names of the channels and the kind; bars get the names open, high, low, close, ...

    Raises:
        Invalid: If bars are asked for and the columns are none.
    """
    if kind not in (None, "ohlc"):
        return names, kind or "generic"
    renamed = named_bars(names)
    if not renamed and not has_header:
        renamed = {names[place]: name for place, name in recognised_bars(values).items()}
    if not renamed and kind is None:
        return names, "generic"
    if not renamed:
        raise Invalid(
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
    """Rows that no market can have made; missing prices break no rule."""
    prices = values[:, [names.index(name) for name in PRICES]]
    with np.errstate(invalid="ignore"):
        return ~_obeys(prices) | (prices <= 0).any(axis=1)


def describe(names: list[str], values: npt.NDArray[np.float64]) -> str:
    """Why one row cannot be a bar."""
    prices = {name: float(values[names.index(name)]) for name in PRICES}
    shown = ", ".join(f"{name} {price:g}" for name, price in prices.items())
    return f"a bar needs 0 < low <= open, close <= high: {shown}"


def _obeys(prices: Values) -> Mask:
    """Whether low <= open, close <= high, as far as the prices are there."""
    opened, high, low, closed = prices.T
    slack = ROUNDING * np.abs(high)
    breaks = low > high + slack
    for price in (opened, closed):
        breaks |= (price > high + slack) | (price < low - slack)
    return np.asarray(~breaks)
