"""Names and ends on Linux and macOS: of signals, of the boot, of a process that is no child."""

from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
import select
import signal


def signal_name(number: int) -> str:
    """``SIGKILL`` for 9; ``SIG`` and the number where it has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def signal_number(name: str) -> int | None:
    """10 for ``USR1``, ``SIGUSR1`` (on Linux) and ``10``; None where there is no such signal."""
    if name.isdigit():
        return int(name) if int(name) in signal.valid_signals() else None
    known = getattr(signal, "SIG" + name.upper().removeprefix("SIG"), None)
    return int(known) if isinstance(known, signal.Signals) else None


def wait_for_end(pid: int) -> None:
    """Return when process ``pid``, not our child, has ended (pidfd on Linux, else psutil)."""
    if sys.platform == "linux":
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        except OSError:
            fd = -1
        if fd >= 0:
            waiter = select.poll()
            waiter.register(fd, select.POLLIN)
            waiter.poll()
            os.close(fd)
            return
    import psutil

    try:
        psutil.Process(pid).wait()
    except psutil.Error:
        return


def boot_id() -> str:
    """A name for the time since the last boot: it changes with every boot."""
    if sys.platform == "linux":
        try:
            with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
                return file.read().strip()
        except OSError:
            pass
    if sys.platform == "darwin":
        session = _sysctl("kern.bootsessionuuid")
        if session:
            return session
    import psutil

    # To ten seconds: the boot time is computed from a clock that is being adjusted.
    return f"boot-{round(psutil.boot_time() / 10)}"


def _sysctl(name: str) -> str:
    """A value of the kernel of macOS; '' where it does not tell."""
    import subprocess

    try:
        told = subprocess.run(["sysctl", "-n", name], capture_output=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return told.stdout.decode("ascii", "replace").strip()
