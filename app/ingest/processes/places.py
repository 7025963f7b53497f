"""Who may read a file now: a bounded queue for places, which slow files do not keep."""

import anyio

from app.errors import FileProcessesBusy

# A common file is read within this time. A slower one gives its place to the next file, so that a
# few of them stop no other; as many slow ones as there are places go on beside them.
SLOW_SECONDS = 5.0
WAIT_SECONDS = 30.0
MOST_WAITING = 16


class Places:
    """A number of places for files that are being read, and as many again for slow ones."""

    def __init__(self, count: int) -> None:
        self._free = anyio.Semaphore(count, fast_acquire=True)
        self._free_for_slow = anyio.Semaphore(count, fast_acquire=True)
        self._waiting = 0

    async def take(self) -> "Place":
        """Wait for a place.

        Raises:
            FileProcessesBusy: If too many wait already, or it takes too long.
        """
        if self._waiting >= MOST_WAITING:
            raise FileProcessesBusy(
                f"{MOST_WAITING} other files wait to be read. Nothing was stored: send it later."
            )
        self._waiting += 1
        try:
            with anyio.fail_after(WAIT_SECONDS):
                await self._free.acquire()
        except TimeoutError as error:
            raise FileProcessesBusy(
                f"Other files were read for {WAIT_SECONDS:g} seconds. Nothing was stored: send it "
                "later."
            ) from error
        finally:
            self._waiting -= 1
        return Place(self._free, self._free_for_slow)


class Place:
    """The place of one file that is being read."""

    def __init__(self, free: anyio.Semaphore, free_for_slow: anyio.Semaphore) -> None:
        self._held = free
        self._free_for_slow = free_for_slow

    async def move_when_slow(self) -> None:
        """Take a place for slow files instead, once the reading is slow and there is one."""
        await anyio.sleep(SLOW_SECONDS)
        await self._free_for_slow.acquire()
        self._held.release()
        self._held = self._free_for_slow

    def leave(self) -> None:
        """Let the next file in."""
        self._held.release()
