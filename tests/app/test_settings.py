"""The settings as text: what a log may show of them."""

import pytest

from app.settings import Settings, shown_url

pytestmark = pytest.mark.unit


class TestPasswordOfTheDatabase:
    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("sqlite:///var/statecast.db", "sqlite:///var/statecast.db"),
            ("postgresql://u:s3cr3t@db.example/x", "postgresql://u:***@db.example/x"),
            ("postgresql://db.example/x?password=s3cr3t&a=b", "postgresql://db.example/x?a=b"),
            ("s3cr3t", "***"),
        ],
    )
    def test_it_is_in_no_text_of_the_settings(self, url: str, shown: str) -> None:
        settings = Settings(database_url=url)
        assert shown_url(url) == shown
        for text in (repr(settings), str(settings)):
            assert "s3cr3t" not in text
            assert f"database_url={shown!r}" in text
        assert settings.database_url == url
