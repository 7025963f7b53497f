"""Exchange codes and their aliases, without loading the library that holds their sessions."""

import difflib

from models.calendars.calendar import CALENDARS
from models.errors import DataError

# The calendars of exchange_calendars 4.13, most of them by market identifier (ISO 10383). A test
# compares them with the library.
LIBRARY_CODES = frozenset(
    # One name per line would take a page.
    """
    24/5 24/7 AIXK ASEX BVMF CMES IEPA XAMS XASX XBDA XBEL XBKK XBOG XBOM XBRA XBRU XBSE XBUD
    XBUE XCBF XCSE XCYS XDUB XDUS XEEE XETR XEUR XFRA XHAM XHEL XHKG XICE XIDX XIST XJSE XKAR
    XKLS XKRX XLIM XLIS XLIT XLJU XLON XLUX XMAD XMEX XMIL XMOS XNYS XNZE XOSL XPAR XPHS XPRA
    XRIS XSAU XSES XSGO XSHG XSTO XSTU XSWX XTAE XTAI XTAL XTKS XTSE XWAR XWBO XZAG us_futures
    """.split()  # noqa: SIM905
)

# The National Stock Exchange of India is not in the library. It has the hours and nearly all
# holidays of the Bombay Stock Exchange.
SUBSTITUTES = {"XNSE": "XBOM"}

# Other names of the same exchanges, as in the library.
ALIASES = {
    "ARCX": "XNYS",
    "ASX": "XASX",
    "BATS": "XNYS",
    "BMF": "BVMF",
    "BSE": "XBOM",
    "BVB": "XBSE",
    "CBOT": "CMES",
    "CFE": "XCBF",
    "CME": "CMES",
    "COMEX": "CMES",
    "FWB": "XFRA",
    "HKEX": "XHKG",
    "ICE": "IEPA",
    "ICEUS": "IEPA",
    "JKT": "XIDX",
    "JPX": "XTKS",
    "LSE": "XLON",
    "LUXSE": "XLUX",
    "NASDAQ": "XNYS",
    "NSE": "XNSE",
    "NYFE": "IEPA",
    "NYMEX": "CMES",
    "NYSE": "XNYS",
    "OOTC": "XNYS",
    "OSE": "XOSL",
    "SIX": "XSWX",
    "SSE": "XSHG",
    "TASE": "XTAE",
    "TSX": "XTSE",
    "XASE": "XNYS",
    "XNAS": "XNYS",
    "XTSX": "XTSE",
}

CODES = LIBRARY_CODES | SUBSTITUTES.keys()
_BY_UPPER_CASE = {code.upper(): code for code in (*CALENDARS, *CODES)}
_SHOWN = 5


def calendar_name(text: str) -> str:
    """The canonical name of a calendar: `continuous`, `sessions` or an exchange's code.

    Raises:
        DataError: If the name is unknown; the message lists similar names.
    """
    wanted = text.strip().upper()
    found = _BY_UPPER_CASE.get(wanted) or ALIASES.get(wanted)
    if found is not None:
        return found
    known = {**_BY_UPPER_CASE, **ALIASES}
    near = difflib.get_close_matches(wanted, list(known), n=_SHOWN, cutoff=0.5)
    names = list(dict.fromkeys(known[name] for name in near)) or ["XNYS", "XLON", "XTKS"]
    raise DataError(
        'A calendar must be "continuous", "sessions" or the code of an exchange, such as '
        f'{", ".join(names)}. Received: "{text[:100]}"'
    )


def is_exchange(calendar: str) -> bool:
    """Whether a calendar is that of an exchange."""
    return calendar in CODES
