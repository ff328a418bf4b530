"""Where the page listens: where others can open it only with a token to ask them for."""

from __future__ import annotations

import errno
import socket

from qm.config import WebConfig
from qm.errors import ConfigError, QMError
from web.hosts import EVERYWHERE, bare, is_for_this_machine, is_loopback
from web.listener import Listener

_BACKLOG = 128
STALLED = 120
"""Seconds for which a client may take nothing of what it is sent; then it is cut off."""


class PortTaken(QMError):
    """Another program listens on the page's port."""

    exit_code = 3


def listen(config: WebConfig, source: str, *, has_token: bool) -> list[socket.socket]:
    """Sockets that listen on every address of the configured Host; of this machine for ``*``.

    ``source`` is the name of the configuration to show. Raises ConfigError
    where the host is not known, or others can reach it and there is no token;
    PortTaken, and OSError.
    """
    host, port = config.host, config.port
    sockets: list[socket.socket] = []
    try:
        addresses = _addresses(host, port, source)
        if not has_token:
            _check_reach(config, source, [address for _, (address, _) in addresses])
        for family, address in addresses:
            opened = _open(family, address, port)
            if opened is not None:
                sockets.append(opened)
    except BaseException:
        for opened in sockets:
            opened.close()
        raise
    if not sockets:
        raise ConfigError(source, None, f'this machine has no address of Host = "{host}"')
    return sockets


def _addresses(
    host: str, port: int, source: str
) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    name = None if host == EVERYWHERE else bare(host)
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            source, None, f'Host = "{host}" is not known: {reason}', hint="Use localhost."
        ) from None
    families = (socket.AF_INET, socket.AF_INET6)
    addresses = {(entry[0], str(entry[4][0])): None for entry in found if entry[0] in families}
    return [(family, (address, port)) for family, address in addresses]


def _check_reach(config: WebConfig, source: str, addresses: list[str]) -> None:
    beyond = [address for address in addresses if not is_loopback(address)]
    if not beyond and is_for_this_machine(config):
        return
    if config.allowed_hosts and not beyond:
        why = f"Allowed_hosts has {config.allowed_hosts[0]}"
    else:
        why = f'Host = "{config.host}" means {(beyond or addresses)[0]}'
    raise ConfigError(
        source,
        None,
        f"{why}: others could open the page, and there is no token to ask them for",
        hint="`qm web token --new` makes one. Or use localhost; from another machine, come by:"
        f" ssh -L {config.port}:localhost:{config.port}.",
    )


def _open(
    family: socket.AddressFamily, address: tuple[str, int], port: int
) -> socket.socket | None:
    """A listening socket; None where the system has no such address (IPv6 switched off)."""
    try:
        opened = Listener(family, socket.SOCK_STREAM)
    except OSError:
        return None
    try:
        # On Windows SO_REUSEADDR would share a port that another program listens on.
        exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)
        opened.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR if exclusive is None else exclusive, 1
        )
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # Connections inherit it. Without it waitress waits for ever for somebody who does
            # not read, with a thread and perhaps one of few places: a computer that went to
            # sleep in a download. (RFC 5482; tcp(7).)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED * 1000)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind(address)
        opened.listen(_BACKLOG)
        opened.setblocking(False)
    except OSError as error:
        opened.close()
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            return None
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise _not_ours(error, port) from None
        raise
    return opened


def _not_ours(error: OSError, port: int) -> PortTaken:
    why = "is taken" if error.errno == errno.EADDRINUSE else "is not for everybody to use"
    return PortTaken(
        f"the web page cannot be opened: port {port} {why}",
        "Choose another The_Port in [WEB_QMserver] of QMserv.cfg, and restart QM.",
    )
