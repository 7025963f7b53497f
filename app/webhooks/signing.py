"""Signatures: how a receiver knows that a message is ours, and not an old one sent again."""

import hashlib
import hmac
import time

HEADER = "Statecast-Signature"


def sign(secret: str, body: bytes, moment: int | None = None) -> str:
    """The value of the header `Statecast-Signature`.

    Args:
        secret: The webhook's.
        body: The request's body, to the byte.
        moment: Seconds since 1970; by default now.

    Returns:
        `t=<moment>,v1=<hexadecimal HMAC-SHA256 of "<moment>.<body>">`.
    """
    stamp = int(time.time()) if moment is None else moment
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"
