"""The postman: carries what is written down for webhooks to their addresses."""

import logging
import threading

import urllib3

from app.database_retry import first_line
from app.db import Database
from app.settings import Settings
from app.version import VERSION
from app.webhooks import service
from app.webhooks.addresses import Refused, Target, resolve
from app.webhooks.signing import HEADER, sign
from app.webhooks.tables import Webhook

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 1.0
TIMEOUT = urllib3.Timeout(connect=5.0, read=10.0)
STOP_TIMEOUT_SECONDS = 1.0
# Old deliveries are looked for once in so many rounds.
ROUNDS_TO_FORGET = 600


class Postman:
    """Sends deliveries in a thread of its own; every worker has one."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._private_allowed = settings.webhook_private
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="postman", daemon=True)

    def start(self) -> None:
        """Look for deliveries at once, and then again and again."""
        self._thread.start()

    def stop(self) -> None:
        """Send no more; what is under way is tried again by another one."""
        self._stop.set()
        self._thread.join(STOP_TIMEOUT_SECONDS)

    def deliver(self) -> int:
        """Try what is due once; how many were tried."""
        with self._database.transaction() as session:
            letters = [
                (each.id, session.get_one(Webhook, each.webhook_id), each.body)
                for each in service.claim_due(session)
            ]
            session.expunge_all()
        for delivery_id, webhook, body in letters:
            error = self._send(webhook, body.encode())
            with self._database.transaction() as session:
                service.record(session, delivery_id, error)
        return len(letters)

    def _send(self, webhook: Webhook, body: bytes) -> str | None:
        """What went wrong, or None if the receiver has heard."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"Statecast/{VERSION}",
            HEADER: sign(webhook.secret, body),
        }
        try:
            target = resolve(webhook.url, private_allowed=self._private_allowed)
            status = _post(target, body, headers)
        except Refused as error:
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
                if rounds % ROUNDS_TO_FORGET == 0:
                    with self._database.transaction() as session:
                        service.forget_old(session)
                rounds += 1
            except Exception as error:  # whatever it was, the next round may succeed
                logger.warning("could not carry what is due to webhooks: %s", first_line(error))


def _post(target: Target, body: bytes, headers: dict[str, str]) -> int:
    """The status of the answer of the very address that was checked; its text is not read."""
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
