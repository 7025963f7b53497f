"""Exports of spreadsheets all over the world: signs in numbers, encodings, packing."""

import gzip

from tests.app.parsing.dialects.writers import (
    TIMES,
    case,
    european,
    plain,
    quoted_fields,
    renamed,
    weather,
    with_gaps,
    zipped,
)

NUMBERS = [
    case(
        "decimal comma",
        weather("time;temp;rain\n", mark=";", number=lambda v: plain(v).replace(".", ",")),
    ),
    case("decimal comma, thousands points", weather("time;temp;rain\n", mark=";", number=european)),
    case("decimal comma, quoted between commas", weather(number=lambda v: f'"{european(v)}"')),
    case("decimal comma, tab", weather("time\ttemp\train\n", mark="\t", number=european)),
    case("thousands commas, quoted", weather(number=lambda v: f'"{v:,.2f}"')),
    case("thousands apostrophes", weather(number=lambda v: f"{v:,.2f}".replace(",", "'"))),
    case("thousands blanks", weather(number=lambda v: f"{v:,.2f}".replace(",", " "))),
    case(
        "thousands no-break blanks",
        weather("time;temp;rain\n", mark=";", number=lambda v: european(v).replace(".", "\u00a0")),
    ),
    case("exponents", weather(number=lambda v: f"{v:.6e}")),
    case("dollar signs", weather(number=lambda v: f"${v:.2f}")),
    case("percent signs", weather(number=lambda v: f"{v:.2f}%")),
    case("units", weather(number=lambda v: f"{v:.2f} degC")),
    case("units without a blank", weather(number=lambda v: f"{v:.2f}°F")),
    case("units with a decimal comma", weather(number=lambda v: f'"{european(v)} kWh"')),
    case("stars of footnotes", weather().replace("5\n", "5*\n")),
    case("plus signs", weather(number=lambda v: f"+{v:.2f}")),
    *(
        case(f"missing as {word!r}", *[with_gaps(word)[0], TIMES, with_gaps(word)[1]])
        for word in [
            "",
            "NA",
            "null",
            "-",
            "#N/A",
            "NaN",
            "n.a.",
            "None",
            "--",
            ".",
            "N/A",
            "...",
            "***",
            "unavailable",
        ]
    ),
]


ENCODINGS = [
    *(
        case(
            f"encoding {name}",
            weather("time,temp °,rain\n").encode(name),
            values=renamed("temp °", "rain"),
        )
        for name in ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252"]
    ),
    case("UTF-8 mark before quotes", quoted_fields(weather()).encode("utf-8-sig")),
    case("line ends CRLF", weather(end="\r\n")),
    case("line ends CR", weather(end="\r")),
    case("line ends mixed", weather().replace("5\n", "5\r\n")),
    case("no final line end", weather().rstrip("\n")),
    case("end-of-file character", weather() + "\x1a"),
    case("gzip", gzip.compress(weather().encode())),
    case("gzip of UTF-16", gzip.compress(weather().encode("utf-16"))),
    case("zip", zipped({"data/weather.csv": weather().encode()})),
    case(
        "zip with a Mac folder",
        zipped({"weather.csv": weather().encode(), "__MACOSX/._weather.csv": b"x"}),
    ),
]
