"""Pace: cleaning in transactions so short, and pauses so long, that appends get their turn."""

import time

# What an append may have to wait for a transaction of the cleaning.
TRANSACTION_SECONDS = 0.05
FIRST_SIZE = 20
LARGEST_SIZE = 1000


class Pace:
    """How many forecasts go in one transaction: as many as take about the same time anywhere."""

    def __init__(self) -> None:
        self.size = FIRST_SIZE

    def rest(self, seconds: float) -> None:
        """Rest as long as the last transaction took once it had its locks, and learn from it.

        SQLite has one writer at a time, and those who wait for it look again only now and then:
        without the rest the next transaction would begin before they do.
        """
        if seconds > TRANSACTION_SECONDS:
            self.size = max(1, self.size // 2)
        elif seconds < TRANSACTION_SECONDS / 2:
            self.size = min(LARGEST_SIZE, self.size * 2)
        time.sleep(seconds)
