"""Send stored webhook deliveries to their addresses, in a thread of its own."""

import logging
import threading

import urllib3

from app.database_retry import first_line
from app.db import Database
from app.settings import Settings
from app.version import VERSION
from app.webhooks import service
from app.webhooks.addresses import AddressRefused, Target, resolve
from app.webhooks.signing import HEADER, sign
from app.webhooks.tables import Webhook

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 1.0
TIMEOUT = urllib3.Timeout(connect=5.0, read=10.0)
STOP_TIMEOUT_SECONDS = 1.0
# Old deliveries are deleted once per this many rounds.
ROUNDS_BETWEEN_CLEANINGS = 600


class WebhookSender:
    """Sends the deliveries that are due; every worker has one.

    It is not a `PeriodicTask`, because a slow receiver must not delay the end of the worker, and
    because rounds follow each other without a pause while deliveries are due.
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._private_allowed = settings.webhook_private
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhook-delivery", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop sending; another worker sends the claimed deliveries that were not sent."""
        self._stop.set()
        self._thread.join(STOP_TIMEOUT_SECONDS)

    def deliver(self) -> int:
        """Try every due delivery once, and return how many were tried."""
        with self._database.transaction() as session:
            due = [
                (each.id, session.get_one(Webhook, each.webhook_id), each.body)
                for each in service.claim_due(session)
            ]
            session.expunge_all()
        for delivery_id, webhook, body in due:
            error = self._send(webhook, body.encode())
            with self._database.transaction() as session:
                service.record(session, delivery_id, error)
        return len(due)

    def _send(self, webhook: Webhook, body: bytes) -> str | None:
        """Send one delivery, and return the error, or None if the receiver accepted it."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"Statecast/{VERSION}",
            HEADER: sign(webhook.secret, body),
        }
        try:
            target = resolve(webhook.url, private_allowed=self._private_allowed)
            status = _post(target, body, headers)
        except AddressRefused as error:
            return str(error)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            return first_line(error)
        return None if 200 <= status < 300 else f"The receiver answered with the status {status}."

    def _run(self) -> None:
        rounds = 0
        while not self._stop.wait(INTERVAL_SECONDS):
            try:
                while self.deliver() and not self._stop.is_set():
                    pass
                if rounds % ROUNDS_BETWEEN_CLEANINGS == 0:
                    with self._database.transaction() as session:
                        service.delete_old_deliveries(session)
                rounds += 1
            except Exception as error:  # the next round may succeed after any error
                logger.warning("webhooks could not be delivered: %s", first_line(error))


def _post(target: Target, body: bytes, headers: dict[str, str]) -> int:
    """Post to the address that was checked and return the status; the body is not read."""
    options: dict[str, object] = {"timeout": TIMEOUT, "retries": False}
    pool: urllib3.HTTPConnectionPool
    if target.scheme == "https":
        pool = urllib3.HTTPSConnectionPool(
            target.address,
            target.port,
            server_hostname=target.host,
            assert_hostname=target.host,
            **options,  # type: ignore[arg-type]  # urllib3 types its keywords as an int
        )
    else:
        pool = urllib3.HTTPConnectionPool(
            target.address,
            target.port,
            **options,  # type: ignore[arg-type]
        )
    default = target.port == (443 if target.scheme == "https" else 80)
    host = target.host if default else f"{target.host}:{target.port}"
    with pool:
        answer = pool.urlopen(
            "POST",
            target.path,
            body=body,
            headers={**headers, "Host": host},
            redirect=False,
            preload_content=False,
        )
        answer.close()
    return int(answer.status)
