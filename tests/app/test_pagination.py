"""Cursors: what comes out of a page goes into the next."""

import pytest

from app.errors import Invalid
from app.pagination import PageRequest

pytestmark = pytest.mark.unit


def page_of(numbers: list[int], limit: int) -> tuple[list[int], str | None]:
    page = PageRequest(limit=limit, cursor=None).page(numbers, key=int, read=int)
    return page.items, page.next


class TestPage:
    def test_a_full_list_has_no_next_page(self) -> None:
        assert page_of([1, 2], limit=2) == ([1, 2], None)

    def test_one_row_more_than_the_limit_makes_a_cursor(self) -> None:
        items, cursor = page_of([1, 2, 3], limit=2)
        assert items == [1, 2]
        assert PageRequest(limit=2, cursor=cursor).after(int) == 2

    def test_a_text_key_survives_any_letters(self) -> None:
        page = PageRequest(limit=1, cursor=None).page(["ä/~?&", "b"], key=str, read=str)
        assert PageRequest(limit=1, cursor=page.next).after(str) == "ä/~?&"


class TestCursor:
    @pytest.mark.parametrize("cursor", ["", "?", "äöü", "bm9uc2Vuc2U", "eyJhIjoxfQ", "x" * 500])
    def test_a_made_up_cursor_is_refused_with_a_sentence(self, cursor: str) -> None:
        with pytest.raises(Invalid, match="`cursor` must be `next` of an earlier page"):
            PageRequest(limit=1, cursor=cursor).after(int)

    def test_a_cursor_of_another_list_is_refused(self) -> None:
        page = PageRequest(limit=1, cursor=None).page(["a", "b"], key=str, read=str)
        with pytest.raises(Invalid):
            PageRequest(limit=1, cursor=page.next).after(int)
