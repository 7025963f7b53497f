"""Texts in Arrow arrays."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.parsing import arrow

pytestmark = pytest.mark.unit


@settings(deadline=None)
@given(st.lists(st.text(alphabet="aé \t\u3000")), st.integers(0, 3))
def test_trimmed_texts_have_no_white_space_at_their_ends(texts: list[str], start: int) -> None:
    trimmed = arrow.trimmed(arrow.texts(texts).slice(min(start, len(texts))))
    assert trimmed.to_pylist() == [text.strip() for text in texts[start:]]


def test_texts_without_white_space_are_not_copied() -> None:
    texts = arrow.texts(["2024-01-01 10:00", "2024-01-02 10:00"])
    assert arrow.trimmed(texts) is texts
