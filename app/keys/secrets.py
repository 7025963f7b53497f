"""Secrets of keys: `sc_<id>_<secret>`, made at random and stored as a hash.

A secret has 256 random bits: it cannot be guessed from its SHA-256, however fast the hash is. Slow
hashes are for passwords, which people choose.
"""

import hashlib
import hmac
import secrets
import string
from dataclasses import dataclass, field

PREFIX = "sc"
ID_LENGTH = 12
SECRET_BYTES = 32
ALPHABET = string.ascii_lowercase + string.digits
# What an unknown key is compared with, so that it takes as long as a known one.
NO_HASH = "0" * 64


@dataclass(frozen=True, slots=True)
class Secret:
    """The parts of a key as it is sent; its text never shows the secret."""

    key_id: str
    secret: str = field(repr=False)

    @classmethod
    def new(cls) -> "Secret":
        """A new secret, drawn at random."""
        key_id = "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH))
        return cls(key_id, secrets.token_urlsafe(SECRET_BYTES))

    @classmethod
    def parse(cls, text: str) -> "Secret | None":
        """The parts of a sent key; None if it is not one of ours."""
        prefix, _, rest = text.partition("_")
        key_id, _, secret = rest.partition("_")
        if prefix != PREFIX or not secret or len(key_id) != ID_LENGTH or not key_id.isalnum():
            return None
        return cls(key_id, secret)

    @property
    def shown(self) -> str:
        """The key as its owner sends it."""
        return f"{shown_prefix(self.key_id)}_{self.secret}"

    @property
    def hash(self) -> str:
        """What is stored of it."""
        return hashlib.sha256(self.secret.encode()).hexdigest()

    def matches(self, stored_hash: str | None) -> bool:
        """Whether the secret is that of a stored hash, in constant time."""
        return hmac.compare_digest(self.hash, stored_hash or NO_HASH)


def shown_prefix(key_id: str) -> str:
    """The part of a key that may be shown."""
    return f"{PREFIX}_{key_id}"
