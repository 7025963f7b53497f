"""How many times its own size a packed file may have once unpacked."""

from app.parsing.errors import FileTooLarge

# Tables shrink to a fifth, and to a fiftieth if most values are equal. A file that shrinks more is
# made to exhaust memory; up to `FREE_BYTES` it does not matter.
MOST_RATIO = 200
FREE_BYTES = 64 * 1024 * 1024


def require_ratio(unpacked_bytes: int, packed_bytes: int) -> None:
    """Refuse a file that unpacks to too many times its own size; called while it is unpacked.

    Raises:
        FileTooLarge: If it does.
    """
    most_bytes = max(FREE_BYTES, MOST_RATIO * packed_bytes)
    if unpacked_bytes > most_bytes:
        raise FileTooLarge(
            f"A packed file may have {MOST_RATIO} times its own size once unpacked, or "
            f"{FREE_BYTES} bytes. Received: {packed_bytes} bytes that unpack to more than "
            f"{most_bytes}. Send it unpacked, or in several parts."
        )
