"""Exports of any program: separators, quotes, headers, order of rows."""

from tests.app.parsing.dialects.writers import (
    ISO,
    ROWS,
    TIMES,
    WEATHER,
    Case,
    aligned,
    case,
    newest_first,
    parts,
    plain,
    quoted_fields,
    quoted_lines,
    renamed,
    weather,
)


def wide(columns: int) -> Case:
    """A file of many columns: column c of row n holds n + c / 8."""
    names = [f"c{number}" for number in range(columns)]
    rows = "".join(
        ",".join([moment.strftime(ISO), *(plain(n + c / 8) for c in range(columns))]) + "\n"
        for n, moment in enumerate(TIMES)
    )
    truth: dict[str, list[float | None]] = {
        name: [n + c / 8 for n in range(ROWS)] for c, name in enumerate(names)
    }
    return case(f"{columns} columns", ",".join(["time", *names]) + "\n" + rows, values=truth)


SEPARATORS = [
    *(
        case(f"separator {name}", weather(f"time{mark}temp{mark}rain\n", mark=mark))
        for name, mark in [("comma", ","), ("tab", "\t"), ("semicolon", ";"), ("pipe", "|")]
    ),
    case("comma and blank", weather("time, temp, rain\n", mark=", ")),
    case("semicolon and blank", weather("time ; temp ; rain\n", mark=" ; ")),
    case("pipe with blanks", weather("time | temp | rain\n", mark=" | ")),
    case("one blank", parts("date time", "%Y-%m-%d %H:%M:%S", " ")),
    case("one blank, one name for date and time", parts("time", "%Y-%m-%d %H:%M:%S", " ")),
    case("aligned", aligned(weather(time="%Y-%m-%dT%H:%M:%S"))),
    case(
        "tab, blanks in the time", weather("time\ttemp\train\n", mark="\t", time="%d %b %Y %H:%M")
    ),
    case("quoted whole lines", quoted_lines(weather())),
    case(
        "quoted whole lines with quoted fields",
        quoted_lines(quoted_fields(weather()).replace('"', '""')),
    ),
    case("quoted fields", quoted_fields(weather())),
    case("trailing separators", weather("time,temp,rain,,\n", tail=",,")),
    case("trailing separators in rows only", weather(tail=",")),
    case("trailing separator in the header only", weather("time,temp,rain,\n")),
    case("trailing semicolons", weather("time;temp;rain;\n", mark=";", tail=";")),
    case("given separator", weather("time~temp~rain\n", mark="~"), delimiter="~"),
    case("blank lines between", weather().replace("\n", "\n\n")),
    wide(3000),
]


HEADERS = [
    case("no header", weather(None), values=renamed("column_2", "column_3")),
    case("no header, named", weather(None), columns="time,temp,rain"),
    case(
        "no header, date and clock",
        weather(None, time="%Y%m%d,%H:%M:%S"),
        values=renamed("column_3", "column_4"),
    ),
    case("URL before the header", "https://example.org/weather\n" + weather()),
    case("URL and blank line", "https://example.org/weather\n\n" + weather()),
    case("comments", "# made by a logger\n# station: 7, Jena\n" + weather()),
    case("commented header", weather("#time,temp,rain\n")),
    case(
        "commented header behind comments", "# one, two, three\n#\n" + weather("# time,temp,rain\n")
    ),
    case(
        "comments of as many words as there are columns",
        "% This file holds\n%\n" + parts("date hour", "%Y-%m-%d %H", " "),
    ),
    case("preamble with separators", "Station,7\nPlace,Jena,Germany\n" + weather()),
    case("sep= line", "sep=;\n" + weather("time;temp;rain\n", mark=";")),
    case("units below the names", weather("time,temp,rain\n,degC,mm\n")),
    case("footer", weather() + "\nData from example.org\n"),
    case("names repeated in the middle", weather() + weather()),
    case(
        "an index before",
        "".join(f"{n - 1 if n else ''},{line}\n" for n, line in enumerate(weather().splitlines())),
    ),
    case(
        "an index before, wanted",
        "".join(f"{n - 1 if n else ''},{line}\n" for n, line in enumerate(weather().splitlines())),
        values={"column_1": [float(n) for n in range(ROWS)], **WEATHER},
        columns="column_1,temp,rain",
    ),
]


ORDERS = [
    case("newest first", newest_first(weather())),
    case("newest first, day first", newest_first(weather(time="%d.%m.%Y %H:%M"))),
]
