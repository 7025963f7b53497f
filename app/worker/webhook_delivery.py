"""Send stored webhook deliveries to their addresses: different receivers side by side."""

import logging
import socket
import threading
import time
from collections import defaultdict
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from app.database_retry import first_line
from app.db import Database
from app.encryption import Cipher, WrongKey
from app.settings import Settings
from app.version import VERSION
from app.webhooks import service
from app.webhooks.addresses import AddressRefused, Target, resolve
from app.webhooks.service import Claim
from app.webhooks.signing import HEADER, sign

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 1.0
# From the first look at the address to the status of the answer.
DEADLINE_SECONDS = 10.0
RECEIVERS_AT_ONCE = 16
STOP_TIMEOUT_SECONDS = 1.0
# Old deliveries are deleted once per this many rounds.
ROUNDS_BETWEEN_CLEANINGS = 600
TOO_SLOW = f"The receiver did not answer within {DEADLINE_SECONDS:g} s."


class WebhookSender:
    """Sends the deliveries that are due; every worker has one.

    The deliveries of a webhook are sent one after the other, and those of different webhooks side
    by side, so that a slow receiver delays only its own. It is not a `PeriodicTask`, because a slow
    receiver must not delay the end of the worker, and because rounds follow each other without a
    pause while deliveries are due.
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._private_allowed = settings.webhook_private
        self._cipher = Cipher(settings)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhook-delivery", daemon=True)
        self._senders = ThreadPoolExecutor(RECEIVERS_AT_ONCE, "webhook-delivery")
        self._running: dict[Future[None], int] = {}

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop sending; another worker sends the claimed deliveries that were not sent."""
        self._stop.set()
        self._thread.join(STOP_TIMEOUT_SECONDS)
        self._senders.shutdown(wait=False, cancel_futures=True)

    def deliver(self) -> int:
        """Try due deliveries once, a few of each webhook, and return how many were tried."""
        started = self._begin()
        wait(self._running)
        return started

    def _begin(self) -> int:
        """Start to try due deliveries of webhooks that are not busy; return their number."""
        self._running = {each: number for each, number in self._running.items() if not each.done()}
        with self._database.transaction() as session:
            due = service.claim_due(session, busy=set(self._running.values()))
        of_webhooks: dict[int, list[Claim]] = defaultdict(list)
        for claim in due:
            of_webhooks[claim.webhook_id].append(claim)
        for webhook_id, claims in of_webhooks.items():
            self._running[self._senders.submit(self._try_each, claims)] = webhook_id
        return len(due)

    def _try_each(self, claims: list[Claim]) -> None:
        """Try the deliveries of one webhook; after a failure the others wait for the next round."""
        try:
            for number, claim in enumerate(claims):
                error = self._send(claim)
                with self._database.transaction() as session:
                    service.record(session, claim, error)
                    if error is not None or self._stop.is_set():
                        for other in claims[number + 1 :]:
                            service.give_back(session, other)
                if error is not None or self._stop.is_set():
                    return
        except Exception as error:  # they are due again when their leases end
            logger.warning("webhook %d: %s", claims[0].webhook_id, first_line(error))

    def _send(self, claim: Claim) -> str | None:
        """Send one delivery, and return the error, or None if the receiver accepted it."""
        began = time.monotonic()
        body = claim.body.encode()
        try:
            headers = {
                "Content-Type": "application/json",
                "User-Agent": f"Statecast/{VERSION}",
                HEADER: sign(self._cipher.decrypt(claim.secret), body),
            }
            target = resolve(claim.url, private_allowed=self._private_allowed)
            status = _post(target, body, headers, began + DEADLINE_SECONDS)
        except (AddressRefused, WrongKey) as error:
            return str(error)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            is_late = time.monotonic() - began >= DEADLINE_SECONDS
            return TOO_SLOW if is_late else first_line(error)
        return None if 200 <= status < 300 else f"The receiver answered with the status {status}."

    def _run(self) -> None:
        rounds = 0
        while not self._stop.wait(INTERVAL_SECONDS):
            try:
                while self._begin() and not self._stop.is_set():
                    pass
                if rounds % ROUNDS_BETWEEN_CLEANINGS == 0:
                    with self._database.transaction() as session:
                        service.delete_old_deliveries(session)
                rounds += 1
            except Exception as error:  # the next round may succeed after any error
                logger.warning("webhooks could not be delivered: %s", first_line(error))


def _post(target: Target, body: bytes, headers: dict[str, str], deadline: float) -> int:
    """Post to the address that was checked and return the status; the body is not read.

    Timeouts of sockets begin again with every byte. At the deadline a timer shuts the connection,
    so that a receiver that drips its answer, or its handshake, is given up as well.
    """
    remaining = max(deadline - time.monotonic(), 0.1)
    connection: HTTPConnection
    if target.scheme == "https":
        connection = HTTPSConnection(
            target.address,
            target.port,
            timeout=remaining,
            server_hostname=target.host,
            assert_hostname=target.host,
        )
    else:
        connection = HTTPConnection(target.address, target.port, timeout=remaining)
    default = target.port == (443 if target.scheme == "https" else 80)
    name = f"[{target.host}]" if ":" in target.host else target.host
    host = name if default else f"{name}:{target.port}"
    timer = threading.Timer(remaining, _shut, [connection])
    timer.daemon = True
    timer.start()
    try:
        connection.request("POST", target.path, body=body, headers={**headers, "Host": host})
        status = int(connection.getresponse().status)
        if time.monotonic() >= deadline:  # Then the end of the connection ended the headers.
            raise TimeoutError
        return status
    finally:
        timer.cancel()
        connection.close()


def _shut(connection: HTTPConnection) -> None:
    if connection.sock is not None:
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
