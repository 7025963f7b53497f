"""Files that could be read in several ways, or in none: each is refused with what would help."""

import gzip
import json
from datetime import UTC, datetime, timedelta

from tests.app.parsing.dialects.arrow_files import arrow_stream, arrow_table, parquet
from tests.app.parsing.dialects.databases import json_rows
from tests.app.parsing.dialects.writers import (
    DAY,
    DAYS,
    ROWS,
    Refused,
    close,
    european,
    temp,
    times_of,
    weather,
    zipped,
)

SMALL = times_of(DAY, rows=6)

REFUSED = [
    Refused(
        "numbers with a flag",
        weather(
            '"time","temp","rain"\n', number=lambda v: f'"{(v or 0) % 1000:+05.0f},5"'
        ).encode(),
        "No column holds numbers",
    ),
    Refused(
        "numbers without names that do not count on like dates",
        "".join(f"{2000 + n % 3};{1 + n % 12};{temp(n)}\n" for n in range(ROWS)).encode(),
        "`timestamp=`",
    ),
    Refused(
        "numbers of two units",
        weather(number=lambda v: f"{v} {'degC' if round(v or 0) % 2 else 'degF'}").encode(),
        "No column holds numbers",
    ),
    Refused(
        "order of day and month",
        weather(time="%d/%m/%Y", times=SMALL).encode(),
        "`timestamp_format=%d/%m/%Y`",
    ),
    Refused(
        "order of day and month, two-digit years",
        weather(time="%d/%m/%y", times=SMALL).encode(),
        "`timestamp_format=",
    ),
    Refused(
        "comma or thousands",
        b"time;a\n2022-01-03;1,234\n2022-01-04;2,500\n",
        "`decimal=,` or `decimal=.`",
    ),
    Refused(
        "point or thousands",
        b"time;a\n2022-01-03;1.234\n2022-01-04;987\n2022-01-05;12.345\n",
        "`decimal=,` or `decimal=.`",
    ),
    Refused(
        "decimal comma and decimal point",
        "".join(
            ["time;a\n", *(f"{m:%Y-%m-%d};{n}{',.'[n % 2]}5\n" for n, m in enumerate(DAYS))]
        ).encode(),
        "`decimal=,` or `decimal=.`",
    ),
    Refused(
        "interleaved separators",
        "".join(
            [f"{m:%Y-%m-%d}{',;'[n % 2]}{temp(n)}{',;'[n % 2]}1\n" for n, m in enumerate(DAYS)]
        ).encode(),
        "`delimiter=",
    ),
    Refused(
        "both orders of day and month",
        weather(
            time=lambda m: m.strftime("%d/%m/%Y" if m.hour else "%m/%d/%Y"),
            times=times_of(timedelta(hours=12)),
        ).encode(),
        "two ways",
    ),
    Refused(
        "six digits for a date", weather(time="%y%m%d", times=DAYS).encode(), "`timestamp_format="
    ),
    Refused(
        "days of a spreadsheet",
        weather(
            time=lambda m: str((m - datetime(1899, 12, 30, tzinfo=UTC)).days), times=DAYS
        ).encode(),
        "`timestamp_format=",
    ),
    Refused("no times", b"a,b\n1.5,2\n2.5,3\n", "`timestamp=`"),
    Refused(
        "several symbols",
        "".join(
            [
                "date,symbol,close\n",
                *(
                    f"{m:%Y-%m-%d},{s},{close(n)}\n"
                    for n, m in enumerate(DAYS)
                    for s in ("AAPL", "MSFT")
                ),
            ]
        ).encode(),
        "'AAPL', 'MSFT'",
    ),
    Refused(
        "several symbols, one after the other",
        "".join(
            [
                "date,symbol,close\n",
                *(
                    f"{m:%Y-%m-%d},{s},{close(n)}\n"
                    for s in ("AAPL", "MSFT")
                    for n, m in enumerate(DAYS)
                ),
            ]
        ).encode(),
        "'AAPL', 'MSFT'",
    ),
    Refused(
        "several symbols, one channel asked for",
        "".join(
            f"{m:%Y-%m-%d},{'AB'[n % 2] * 3},{close(n)}\n" for n, m in enumerate(DAYS)
        ).encode(),
        "'AAA', 'BBB'",
        {"columns": "date,symbol,close", "header": False},
    ),
    Refused(
        "several series by their numbers",
        "".join(
            ["date,store,sales\n"]
            + [f"{m:%Y-%m-%d},{s},{close(n) + s}\n" for n, m in enumerate(DAYS) for s in (1, 2)]
        ).encode(),
        "the column 'store' has 2 values ('1', '2')",
    ),
    Refused("zip with two files", zipped({"a.csv": b"x", "b.csv": b"y"}), "a.csv, b.csv"),
    Refused("zip of nothing", zipped({}), "exactly one file"),
    Refused("damaged gzip", gzip.compress(weather().encode())[:-30], "damaged"),
    Refused("a workbook", zipped({"[Content_Types].xml": b"<Types/>"}), "Office document"),
    Refused(
        "a page",
        b"<!DOCTYPE html><html><body><table><tr><td>1</td></tr></table></body></html>",
        "HTML",
    ),
    Refused(
        "JSON with two values of one name",
        b'{"time": "2022-01-03", "a.b": 1, "a": {"b": 2}}\n{"time": "2022-01-04", "a.b": 3}\n',
        "two values of one name",
    ),
    Refused("JSON of lists of different lengths", b'{"time": ["2022-01-03"], "a": [1, 2]}', "JSON"),
    Refused("an object over several lines", json.dumps(json_rows()[0], indent=1).encode(), "JSON"),
    Refused(
        "rows of another separator before the header",
        "\n".join(
            [*weather(None, mark="\t", number=european).splitlines()[:3], weather()]
        ).encode(),
        "mixes separators",
    ),
    Refused(
        "a few rows of another separator",
        (weather(None, mark=";", number=european) + weather(None)[:300]).encode(),
        "mixes separators",
    ),
    Refused("a clock of two zones", weather(time="%Y-%m-%d %H:%M CST").encode(), "`timezone="),
    Refused("half a character", b'{"time": "2022-01-03", "\\ud800": 1}\n' * 3, "half a character"),
    Refused("an array of numbers", b"[1, 2, 3]", "`start=`"),
    Refused("damaged Parquet", parquet(arrow_table())[:-50] + b"PAR1", "damaged parquet"),
    Refused("damaged Arrow", arrow_stream(arrow_table())[:-600], "damaged arrow"),
    Refused("a tape", b"ORC" + bytes(100), "an ORC file"),
]
