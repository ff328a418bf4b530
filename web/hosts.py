"""Names of this machine, and which of them a browser may have asked for.

A page in the user's browser can send requests to this machine, under a host
name that it points here (DNS rebinding). It cannot choose the Host header, so
only names that the page is meant to be opened under are answered.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Container
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil

from qm.config import WebConfig

EVERYWHERE = "*"
"""As Host: all addresses of this machine, IPv4 and IPv6."""


def is_our_host(header: str, names: Container[str]) -> bool:
    """True if the Host ``header`` names localhost, a loopback address or one of ``names``.

    ``names`` are in lower case, without port and brackets. Two Host headers
    arrive as one with a comma.
    """
    if not header or set(header) & set(",@/?#\\ \t"):
        return False
    try:
        parts = urlsplit(f"//{header}")
        name = (parts.hostname or "").rstrip(".").lower()
        _ = parts.port  # ValueError where it is none.
    except ValueError:
        return False
    return bool(name) and (name == "localhost" or name in names or is_loopback(name))


def is_loopback(name: str) -> bool:
    """True for 127.0.0.1, ::1 and the other addresses by which a machine reaches itself."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def network_of(address: str) -> str:
    """The addresses that somebody can have any number of, as one name: for limits.

    These are all that lead to this machine, and the 64 bits that a host chooses
    itself in IPv6 (RFC 4291, section 2.5.1).
    """
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if known.is_loopback:
        return "this machine"
    if known.version == 4:
        return address
    return str(ipaddress.ip_network((known, 64), strict=False))


def is_loopback_host(host: str) -> bool:
    """True for a configured Host that names only this machine: localhost or such an address."""
    name = bare(host)
    return name == "localhost" or is_loopback(name)


def is_for_this_machine(config: WebConfig) -> bool:
    """True if nobody elsewhere is meant to open the page: no address, no proxy's name."""
    return is_loopback_host(config.host) and not config.allowed_hosts


def bare(host: str) -> str:
    """A host name or address in lower case, without brackets and last dot."""
    return host.strip("[]").rstrip(".").lower()


@dataclass(frozen=True, slots=True)
class OwnNames:
    """The names and addresses under which browsers may ask for the page, beside localhost.

    An address cannot be made to mean another machine; the machine's names are
    for its network to give. Both only where others may open the page at all.
    """

    names: frozenset[str]
    addresses: bool

    @classmethod
    def of(cls, config: WebConfig) -> OwnNames:
        """Allowed_hosts; where the page listens beyond this machine, also what it is called."""
        names = {bare(name) for name in config.allowed_hosts or ()}
        beyond = not is_loopback_host(config.host)
        if beyond:
            machine = socket.gethostname().lower()
            names |= {machine, machine.partition(".")[0], bare(config.host)}
        return cls(frozenset(names) - {"", EVERYWHERE}, beyond)

    def __contains__(self, name: object) -> bool:
        # Addresses come and go while the page runs: they are asked for each time.
        return name in self.names or (self.addresses and name in _own_addresses())


def _own_addresses() -> set[str]:
    families = (socket.AF_INET, socket.AF_INET6)
    return {
        # fe80::1%eth0: browsers leave the interface out.
        address.address.partition("%")[0].lower()
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family in families
    }
