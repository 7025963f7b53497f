"""Stored secrets are encrypted, with a key that only the service can read."""

import stat
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app.db import Database
from app.encryption import Cipher, WrongKey, key_path
from app.settings import Settings
from app.webhooks.service import encrypt_plain_secrets
from app.webhooks.tables import Webhook

SECRET = "the secret of a webhook"


def settings_in(folder: Path, key: str | None = None) -> Settings:
    return Settings(
        database_url=f"sqlite:///{folder}/a.db", secret_key=None if key is None else SecretStr(key)
    )


@pytest.mark.unit
class TestCipher:
    @pytest.mark.parametrize("key", [None, "a key", "\u043a\u043b\u044e\u0447"])
    def test_a_text_comes_back(self, tmp_path: Path, key: str | None) -> None:
        stored = Cipher(settings_in(tmp_path, key)).encrypt(SECRET)
        assert SECRET not in stored
        assert Cipher(settings_in(tmp_path, key)).decrypt(stored) == SECRET

    def test_the_file_of_the_key_belongs_to_its_owner(self, tmp_path: Path) -> None:
        Cipher(settings_in(tmp_path)).encrypt(SECRET)
        path = tmp_path / "a.db.key"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [each.name for each in tmp_path.iterdir()] == ["a.db.key"]

    def test_two_that_make_the_key_at_once_have_the_same(self, tmp_path: Path) -> None:
        stored: list[str] = []
        start = threading.Barrier(8)

        def encrypt() -> None:
            start.wait()
            stored.append(Cipher(settings_in(tmp_path)).encrypt(SECRET))

        threads = [threading.Thread(target=encrypt) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        cipher = Cipher(settings_in(tmp_path))
        assert [cipher.decrypt(each) for each in stored] == [SECRET] * 8

    def test_another_key_is_refused_with_the_setting(self, tmp_path: Path) -> None:
        stored = Cipher(settings_in(tmp_path, "one")).encrypt(SECRET)
        for key in ("two", None):
            with pytest.raises(WrongKey, match="STATECAST_SECRET_KEY"):
                Cipher(settings_in(tmp_path, key)).decrypt(stored)

    def test_a_plain_text_of_an_earlier_release_is_read(self, tmp_path: Path) -> None:
        assert Cipher(settings_in(tmp_path)).decrypt(SECRET) == SECRET

    def test_on_a_server_the_key_is_in_the_working_directory(self) -> None:
        assert key_path("postgresql://a@b/c") == Path("var/statecast.key")


def stored_texts(database: Database) -> str:
    """All that the database holds about webhooks and repeated requests."""
    with database.reading() as session:
        rows = [
            *session.execute(sa.text("SELECT secret FROM webhooks")),
            *session.execute(sa.text("SELECT body FROM idempotency_keys")),
        ]
    assert rows
    return repr(rows)


def test_a_secret_is_nowhere_in_the_database(client: TestClient, database: Database) -> None:
    body = {"url": "https://93.184.215.14/", "events": ["drift.found"], "secret": SECRET}
    headers = {"Idempotency-Key": "once"}
    first = client.post("/v1/webhooks", json=body, headers=headers)
    assert first.json()["secret"] == SECRET
    assert SECRET not in stored_texts(database)
    assert client.post("/v1/webhooks", json=body, headers=headers).json() == first.json()


def test_secrets_of_an_earlier_release_are_encrypted(
    database: Database, settings: Settings
) -> None:
    cipher = Cipher(settings)
    with database.transaction() as session:
        session.add(Webhook(url="https://a.example/", events=[], secret=SECRET))
    for _ in range(2):
        with database.transaction() as session:
            encrypt_plain_secrets(session, cipher)
    with database.reading() as session:
        stored = session.scalars(sa.select(Webhook.secret)).one()
    assert SECRET not in stored
    assert cipher.decrypt(stored) == SECRET
