"""Lines as ranges of a text answer as lists of texts would."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.parsing.lines import LineTexts, TextLines
from app.parsing.sources.text_lines import split_lines, without_blank

TEXTS = st.lists(st.text(alphabet='ab,;"# \t§€\ufeff'), min_size=1, max_size=30)

pytestmark = pytest.mark.unit


def numbered(texts: list[str]) -> TextLines:
    return TextLines(LineTexts.of_lines(texts), np.arange(1, len(texts) + 1))


@settings(deadline=None)
@given(TEXTS)
def test_lines_of_a_text_are_its_texts(texts: list[str]) -> None:
    lines = LineTexts.of_text("\n".join(texts))
    assert list(lines) == texts
    assert [lines[row] for row in range(len(lines))] == texts
    assert list(LineTexts.of_lines(texts)) == texts


@settings(deadline=None)
@given(TEXTS, st.sampled_from(',;"§€'))
def test_a_mark_is_counted_in_each_line(texts: list[str], mark: str) -> None:
    counts = [text.count(mark) for text in texts]
    assert LineTexts.of_lines(texts).counts(mark).tolist() == counts


def test_marks_are_counted_piece_after_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.parsing.lines.COUNTED_LINES", 2)
    assert LineTexts.of_lines(["a,", "", ",,,", "b", ","]).counts(",").tolist() == [1, 0, 3, 0, 1]


@settings(deadline=None)
@given(TEXTS, st.data())
def test_chosen_lines_are_joined(texts: list[str], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts)))
    chosen[0] = True
    kept = [text for text, is_chosen in zip(texts, chosen, strict=True) if is_chosen]
    lines = LineTexts.of_lines(texts).where(np.array(chosen))
    assert list(lines) == kept
    assert bytes(lines.joined()).decode() == "\n".join(kept)


@settings(deadline=None)
@given(TEXTS, st.text(alphabet="xy\n€"))
def test_a_changed_line_stands_in_its_place(texts: list[str], new: str) -> None:
    lines = LineTexts.of_lines(texts).with_texts({len(texts) - 1: new, 0: "first"})
    expected = [*texts[:-1], new]
    expected[0] = "first"
    assert list(lines) == expected
    assert bytes(lines.joined()).decode() == "\n".join(expected)


@settings(deadline=None)
@given(TEXTS)
def test_lines_that_begin_with_a_mark_are_found(texts: list[str]) -> None:
    expected = [text[:1] in ("#", ";") for text in texts]
    assert LineTexts.of_lines(texts).begin_with(b"#;").tolist() == expected


@settings(deadline=None)
@given(TEXTS, st.booleans())
def test_lines_of_separators_are_blank(texts: list[str], keep_rows: bool) -> None:
    lines, rows = without_blank(numbered(texts), ",", keep_rows=keep_rows)
    is_blank = [
        not text.strip('," \t\ufeff\x1a') and not (keep_rows and "," in text) for text in texts
    ]
    kept = [number for number, blank in enumerate(is_blank, start=1) if not blank]
    assert lines.numbers.tolist() == kept
    assert rows == sum(blank and bool(text) for text, blank in zip(texts, is_blank, strict=True))


def test_line_breaks_inside_quotes_do_not_end_a_line() -> None:
    lines = split_lines('time,note\n1,"a\nb"\n2,"c"\n3,"d\n\ne",x\n4,f')
    assert list(lines.texts) == ["time,note", '1,"a\nb"', '2,"c"', '3,"d\n\ne",x', "4,f"]
    assert lines.numbers.tolist() == [1, 2, 4, 5, 8]


@pytest.mark.parametrize("breaks", [0, 11])
def test_a_quote_that_is_not_closed_joins_no_lines(breaks: int) -> None:
    end = '"' if breaks else ""
    texts = ["time,note", '1,"a', *["x"] * max(breaks - 1, 3), f"b{end}", "2,c"]
    assert list(split_lines("\n".join(texts)).texts) == texts
