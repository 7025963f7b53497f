"""Sign deliveries, so that receivers can verify the sender and refuse repeated old messages."""

import hashlib
import hmac
import time

HEADER = "Statecast-Signature"


def sign(secret: str, body: bytes, moment: int | None = None) -> str:
    """The value of the header `Statecast-Signature`.

    Args:
        secret: The webhook's secret.
        body: The request body, byte for byte.
        moment: Seconds since 1970; by default the current time.

    Returns:
        `t=<moment>,v1=<hexadecimal HMAC-SHA256 of "<moment>.<body>">`.
    """
    stamp = int(time.time()) if moment is None else moment
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"
