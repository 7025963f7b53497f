"""Bars of brokers, exchanges and vendors of market data."""

from tests.app.parsing.dialects.writers import (
    BAR_NAMES,
    DAYS,
    HOUR,
    ROWS,
    bars,
    case,
    market,
    newest_first,
    plain,
    times_of,
)

MARKETS = [
    case("Yahoo", market("Date,Open,High,Low,Close,Adj Close,Volume\n"), DAYS, bars()),
    case(
        "letters",
        market("t,o,h,l,c,v\n", order=(*BAR_NAMES[:4], "volume")),
        DAYS,
        bars((*BAR_NAMES[:4], "volume")),
    ),
    case(
        "letters, capital, other order",
        market("T,V,C,L,H,O\n", order=("volume", "close", "low", "high", "open")),
        DAYS,
        bars(("volume", "close", "low", "high", "open")),
    ),
    case(
        "yfinance, three lines",
        market(
            "Price,Close,High,Low,Open,Volume\nTicker,AAPL,AAPL,AAPL,AAPL,AAPL\nDate,,,,,\n",
            order=("close", "high", "low", "open", "volume"),
        ),
        DAYS,
        bars(("close", "high", "low", "open", "volume")),
    ),
    case(
        "yfinance, two lines",
        market(
            "Price,Close,High,Low,Open,Volume\nDate,,,,,\n",
            order=("close", "high", "low", "open", "volume"),
        ),
        DAYS,
        bars(("close", "high", "low", "open", "volume")),
    ),
    case(
        "yfinance, adjusted",
        market(
            f"Price,Adj Close,Close,High,Low,Open,Volume\nTicker{',^GSPC' * 6}\nDate{',' * 6}\n",
            order=("adj_close", "close", "high", "low", "open", "volume"),
        ),
        DAYS,
        bars(("adj_close", "close", "high", "low", "open", "volume")),
    ),
    case(
        "yfinance, ticker above price",
        market(
            "Ticker,AAPL,AAPL,AAPL,AAPL\nPrice,Open,High,Low,Close\nDate,,,,\n", order=BAR_NAMES[:4]
        ),
        DAYS,
        bars(BAR_NAMES[:4]),
    ),
    case(
        "quantmod",
        market(
            '"","GSPC.Open","GSPC.High","GSPC.Low","GSPC.Close","GSPC.Adjusted","GSPC.Volume"\n',
            time='"%Y-%m-%d"',
        ),
        DAYS,
        bars(),
    ),
    case(
        "quantmod, zoo",
        market(
            '"Index" "GSPC.Open" "GSPC.High" "GSPC.Low" "GSPC.Close"\n',
            mark=" ",
            order=BAR_NAMES[:4],
        ),
        DAYS,
        bars(BAR_NAMES[:4]),
    ),
    case(
        "quantmod, write.table",
        market(
            '"BRK.B.Open" "BRK.B.High" "BRK.B.Low" "BRK.B.Close"\n',
            time='"%Y-%m-%d"',
            mark=" ",
            order=BAR_NAMES[:4],
        ),
        DAYS,
        bars(BAR_NAMES[:4]),
    ),
    case(
        "MetaTrader 5",
        market(
            "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\n",
            time="%Y.%m.%d\t%H:%M:%S",
            mark="\t",
            order=(*BAR_NAMES[:4], "volume"),
            times=times_of(HOUR),
        ),
        times_of(HOUR),
        bars((*BAR_NAMES[:4], "volume")),
    ),
    case(
        "MetaTrader 5, both volumes",
        market(
            "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\n",
            time="%Y.%m.%d\t%H:%M:%S",
            mark="\t",
            order=(*BAR_NAMES[:4], "adj_close", "volume"),
            times=times_of(HOUR),
        ),
        times_of(HOUR),
        {**bars(BAR_NAMES[:4]), "TICKVOL": bars()["adj_close"], "volume": bars()["volume"]},
    ),
    case(
        "MetaTrader 4",
        market(None, time="%Y.%m.%d,%H:%M", order=(*BAR_NAMES[:4], "volume"), times=times_of(HOUR)),
        times_of(HOUR),
        bars((*BAR_NAMES[:4], "volume")),
    ),
    case(
        "Stooq",
        market(
            "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>\n",
            before="^SPX,60,",
            time="%Y%m%d,%H%M%S",
            order=(*BAR_NAMES[:4], "volume"),
            times=times_of(HOUR),
        ),
        times_of(HOUR),
        {"PER": [60.0] * ROWS, **bars((*BAR_NAMES[:4], "volume"))},
    ),
    case(
        "exchange with a URL",
        "https://www.example.org\n"
        + newest_first(
            market(
                "unix,date,symbol,open,high,low,close,Volume BTC\n",
                time="%s,%Y-%m-%d %H:%M:%S,BTC/USD",
                order=(*BAR_NAMES[:4], "volume"),
                times=times_of(HOUR),
            )
        ),
        times_of(HOUR),
        {**bars(BAR_NAMES[:4]), "Volume BTC": bars()["volume"]},
    ),
    case(
        "prices in dollars",
        market(
            "Date,Close/Last,Volume,Open,High,Low\n",
            time="%m/%d/%Y",
            order=("close", "volume", "open", "high", "low"),
            number=lambda v: f"${v:.2f}" if v and v < 1e4 else plain(v),
        ),
        DAYS,
        bars(("close", "volume", "open", "high", "low")),
    ),
    case(
        "price for close, volume in millions",
        market(
            '"Date","Price","Open","High","Low","Vol."\n',
            time='"%b %d, %Y"',
            order=("close", "open", "high", "low", "volume"),
            number=lambda v: f'"{v:,.2f}"' if v and v < 1e4 else f'"{(v or 0) / 1e6:.6f}M"',
        ),
        DAYS,
        bars(("close", "open", "high", "low", "volume")),
    ),
    case(
        "Alpha Vantage",
        market(
            "timestamp,1. open,2. high,3. low,4. close,5. volume\n",
            order=(*BAR_NAMES[:4], "volume"),
        ),
        DAYS,
        bars((*BAR_NAMES[:4], "volume")),
    ),
    *(
        case(
            f"names of bars: {language}",
            market(f"{names}\n", mark=";", order=(*BAR_NAMES[:4], "volume")),
            DAYS,
            bars((*BAR_NAMES[:4], "volume")),
        )
        for language, names in [
            ("prices", "Date;Open Price;High Price;Low Price;Close Price;Volume"),
            ("German", "Datum;Eröffnung;Hoch;Tief;Schluss;Volumen"),
            ("French", "Date;Ouverture;+ Haut;+ Bas;Clôture;Volume"),
            ("Spanish", "Fecha;Apertura;Máximo;Mínimo;Cierre;Vol."),
            ("Chinese", "日期;开盘;最高;最低;收盘;成交量"),
            ("Korean", "날짜;시가;고가;저가;종가;거래량"),
        ]
    ),
    case(
        "no header, by the prices",
        market(None, order=(*BAR_NAMES[:4], "volume")),
        DAYS,
        bars((*BAR_NAMES[:4], "volume")),
    ),
    case(
        "no header, epoch milliseconds",
        market(None, time="%s000", order=(*BAR_NAMES[:4], "volume")),
        DAYS,
        bars((*BAR_NAMES[:4], "volume")),
    ),
    case(
        "one symbol",
        market("date,symbol,open,high,low,close\n", time="%Y-%m-%d,AAPL", order=BAR_NAMES[:4]),
        DAYS,
        bars(BAR_NAMES[:4]),
    ),
]
