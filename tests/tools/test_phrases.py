"""The phrases that are not written here: found in prose, and in prose only."""

import pytest

from tools.phrases import find

pytestmark = pytest.mark.unit


def found(text: str, path: str = "module.py") -> list[tuple[str, str]]:
    return [(each.place, each.phrase) for each in find(path, text)]


class TestProse:
    @pytest.mark.parametrize(
        ("sentence", "phrase"),
        [
            ("At most so many rows.", "so many"),
            ("All but for the last.", "but for"),
            ("It is trained anew.", "anew"),
            ("What is told of it is told once.", "is told"),
            ("This is no table.", "is no "),
            ("What came is kept.", "what came"),
            ("Nobody waits.", "nobody"),
        ],
    )
    def test_a_phrase_is_found_in_docstrings_comments_and_pages(
        self, sentence: str, phrase: str
    ) -> None:
        for text, path in (
            (f'"""{sentence}"""', "module.py"),
            (f"# {sentence}\n", "module.py"),
            (f'message = f"{sentence} {{1}}"\n', "module.py"),
            (sentence, "page.md"),
        ):
            assert phrase in [each.lower() for _, each in found(text, path)]

    @pytest.mark.parametrize(
        "sentence",
        [
            "It is no longer needed.",
            "One for every lead.",
            "It is no better than naive.",
            "As many rows as there are.",
        ],
    )
    def test_ordinary_sentences_pass(self, sentence: str) -> None:
        assert found(sentence, "page.md") == []

    def test_a_phrase_over_two_lines_of_a_comment_is_found_at_its_first(self) -> None:
        assert found("x = 1\n# all of them but\n# for the last\n", "page.md") == [
            ("page.md:2", "but for")
        ]


class TestNames:
    def test_parts_of_names_are_looked_up(self) -> None:
        assert found("_said_before = came\n") == [
            ("module.py:1", "_said_before"),
            ("module.py:1", "came"),
        ]

    def test_a_name_that_holds_the_letters_of_a_word_is_not_that_word(self) -> None:
        assert found("camera = coincidence = 1\n") == []
