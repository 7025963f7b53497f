"""Throttle: how large the transactions of the cleaning are, and how long it pauses between them."""

import time

# An append may have to wait this long for a transaction of the cleaning.
TRANSACTION_SECONDS = 0.05
FIRST_SIZE = 20
LARGEST_SIZE = 1000


class Throttle:
    """Forecasts per transaction, adapted until one takes about `TRANSACTION_SECONDS`."""

    def __init__(self) -> None:
        self.size = FIRST_SIZE

    def pause(self, seconds: float) -> None:
        """Adapt the size to the last transaction, and pause for as long as that held its locks.

        SQLite has one writer at a time, and waiting writers poll for the lock: without the pause
        the next transaction would begin before their next attempt.
        """
        if seconds > TRANSACTION_SECONDS:
            self.size = max(1, self.size // 2)
        elif seconds < TRANSACTION_SECONDS / 2:
            self.size = min(LARGEST_SIZE, self.size * 2)
        time.sleep(seconds)
