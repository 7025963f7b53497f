"""Check webhook addresses: private networks are refused unless a setting allows them."""

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

PORTS = {"https": 443, "http": 80}


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
    """Resolve a webhook's host and check all its addresses.

    Raises:
        AddressRefused: If it is not an HTTP URL, or its host is unknown or in a private network.
    """
    parts = urlsplit(url)
    host, port = parts.hostname, _port(url)
    if parts.scheme not in PORTS or not host or parts.username or parts.password:
        raise AddressRefused(
            f"`url` must be http://... or https://... without a password. Received: {url}"
        )
    try:
        found = socket.getaddrinfo(host, port or PORTS[parts.scheme], type=socket.SOCK_STREAM)
    except OSError as error:
        raise AddressRefused(
            f"`url` must name a host that exists. Received: {host} ({error})"
        ) from error
    addresses = [str(entry[4][0]) for entry in found]
    private = [each for each in addresses if not _is_public(each)]
    if private and not private_allowed:
        raise AddressRefused(
            "`url` must not lead into a private network, unless STATECAST_WEBHOOK_PRIVATE is set. "
            f"Received: {host}, which is {private[0]}"
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or PORTS[parts.scheme], addresses[0], path)


def _port(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError as error:
        raise AddressRefused(f"`url` must have a port from 0 to 65535. Received: {url}") from error


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return found.is_global and not found.is_multicast
