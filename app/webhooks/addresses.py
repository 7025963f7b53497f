"""Check webhook addresses: only public ones are called, unless a setting allows all."""

import ipaddress
import socket
import threading
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

PORTS = {"https": 443, "http": 80}
LOOKUP_SECONDS = 5.0
# IANA's registry of special-purpose IPv4 addresses, multicast and the reserved block included.
NOT_PUBLIC_4 = tuple(
    ipaddress.IPv4Network(each)
    for each in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)
# IANA hands out public IPv6 addresses from this block only. Outside are the loopback, IPv4 in IPv6
# (::/96, ::ffff:0:0/96), NAT64 (64:ff9b::/96), unique local, site-local, link-local, multicast.
PUBLIC_6 = ipaddress.IPv6Network("2000::/3")
# Inside: Teredo and other protocols, documentation, 6to4.
NOT_PUBLIC_6 = tuple(
    ipaddress.IPv6Network(each) for each in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
FORM = (
    "`url` must be http://... or https://... in printable ASCII characters, without a password and "
    "without blanks; other characters are written as %XX. Received: {url!r}"
)


class AddressRefused(Exception):
    """An address that must not be called; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect: the checked IP address, not a name that could resolve differently."""

    scheme: str
    host: str
    port: int
    address: str
    path: str


def resolve(url: str, *, private_allowed: bool) -> Target:
    """Resolve a webhook's host and check all its addresses. It may take `LOOKUP_SECONDS`.

    Raises:
        AddressRefused: If it is not an HTTP URL, or its host is unknown or not public.
    """
    parts = _split(url)
    host, port = str(parts.hostname), parts.port or PORTS[parts.scheme]
    addresses = _look_up(host, port)
    private = [each for each in addresses if not is_public(each)]
    if private and not private_allowed:
        raise AddressRefused(
            "`url` must lead to a public address, unless STATECAST_WEBHOOK_PRIVATE is set. "
            f"Received: {host}, which is {private[0]}"
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, addresses[0], path)


def is_public(address: str) -> bool:
    """Whether an IP address is public; translations of other addresses are not."""
    found = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    if isinstance(found, ipaddress.IPv4Address):
        return not any(found in network for network in NOT_PUBLIC_4)
    return found in PUBLIC_6 and not any(found in network for network in NOT_PUBLIC_6)


def _split(url: str) -> SplitResult:
    is_plain = url.isascii() and url.isprintable() and not set(url) & set(" \\")
    try:
        parts = urlsplit(url) if is_plain else None
        # Reading the port checks it.
        is_usable = parts is not None and parts.port != 0
    except ValueError:
        parts, is_usable = None, False
    if parts is None or not is_usable or parts.scheme not in PORTS or not parts.hostname:
        raise AddressRefused(FORM.format(url=url))
    if parts.username is not None or parts.password is not None:
        raise AddressRefused(FORM.format(url=url))
    return parts


def _look_up(host: str, port: int) -> list[str]:
    """The addresses of a host; the system's resolver has no limit of time of its own."""
    found: list[str] = []
    errors: list[str] = [f"no answer within {LOOKUP_SECONDS:g} s"]

    def ask() -> None:
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(str(entry[4][0]) for entry in entries)
        except (OSError, UnicodeError) as error:
            errors.append(str(error))

    thread = threading.Thread(target=ask, name="webhook-lookup", daemon=True)
    thread.start()
    thread.join(LOOKUP_SECONDS)
    if not found:
        raise AddressRefused(f"`url` must name a host that exists. Received: {host} ({errors[-1]})")
    return list(found)
