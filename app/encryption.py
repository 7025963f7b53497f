"""Encrypt secrets that are stored: with the key of a setting, or of a file that its owner reads."""

import base64
import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from app.settings import Settings

PREFIX = "fernet:"
SQLITE = "sqlite:///"
ELSEWHERE = Path("var/statecast")
WRONG_KEY = (
    "A stored secret cannot be read with the present key. Set STATECAST_SECRET_KEY to the key, or "
    "bring back the file {path}, that the secret was stored with."
)


class WrongKey(Exception):
    """A secret was encrypted with another key; the message gives the remedy."""


class Cipher:
    """Encrypts and decrypts texts by Fernet (AES-128-CBC and HMAC-SHA256).

    The key is `STATECAST_SECRET_KEY`, or the content of a file beside the SQLite file, which is
    made with mode 0600 when a secret is stored for the first time.
    """

    def __init__(self, settings: Settings) -> None:
        self._given = settings.secret_key
        self._path = key_path(settings.database_url)

    def encrypt(self, text: str) -> str:
        """The text as it is stored."""
        from cryptography.fernet import Fernet

        return PREFIX + Fernet(self._key(make=True)).encrypt(text.encode()).decode()

    def decrypt(self, stored: str) -> str:
        """The text of a stored one; one that was stored before secrets were encrypted is returned.

        Raises:
            WrongKey: If there is no key, or another one.
        """
        if not stored.startswith(PREFIX):
            return stored
        from cryptography.fernet import Fernet, InvalidToken

        try:
            return Fernet(self._key()).decrypt(stored.removeprefix(PREFIX)).decode()
        except (InvalidToken, FileNotFoundError) as error:
            raise WrongKey(WRONG_KEY.format(path=self._path)) from error

    def _key(self, *, make: bool = False) -> bytes:
        if self._given is not None:
            content = self._given.get_secret_value().encode()
        else:
            if make:
                _make(self._path)
            content = self._path.read_bytes()
        return base64.urlsafe_b64encode(hashlib.sha256(content).digest())


def is_encrypted(stored: str) -> bool:
    """Whether a stored secret is encrypted."""
    return stored.startswith(PREFIX)


def key_path(database_url: str) -> Path:
    """The file of the key: beside an SQLite file, else in `var/` of the working directory."""
    is_file = database_url.startswith(SQLITE)
    database = Path(database_url.removeprefix(SQLITE)) if is_file else ELSEWHERE
    return database.with_name(f"{database.name}.key")


def _make(path: Path) -> None:
    """Make the file with a random key, unless it exists. Two processes may do so at once."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")  # Its mode is 0600.
    with os.fdopen(handle, "wb") as file:
        file.write(base64.urlsafe_b64encode(os.urandom(32)))
        file.flush()
        os.fsync(file.fileno())
    # Unlike a renaming, a link fails if another process was first.
    with suppress(FileExistsError):
        os.link(draft, path)
    Path(draft).unlink()
