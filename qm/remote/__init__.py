"""A QM on another machine, asked over HTTP by the interface of its page."""

from qm.remote.address import Server, server_of
from qm.remote.client import Client, Unreachable
from qm.remote.jobs import RemoteJobs

__all__ = ["Client", "RemoteJobs", "Server", "Unreachable", "server_of"]
