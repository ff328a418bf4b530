"""Who is at home here: the system, the person's number, and what Windows starts at a logon."""

from __future__ import annotations

import os
import sys

RUN_KEY = r"Software\Microsoft\Windows\CurrentVersion\Run"
"""Below HKEY_CURRENT_USER: each value is a command line that a logon starts.

Source: Microsoft Learn, "Run and RunOnce Registry Keys"."""


def system_name() -> str:
    """``linux``, ``macos`` or ``windows``; another POSIX system counts as linux."""
    if sys.platform == "win32":
        return "windows"
    return "macos" if sys.platform == "darwin" else "linux"


def user_number() -> int:
    """The user id of the person; 0 on Windows, where there are no such numbers."""
    if sys.platform == "win32":
        return 0
    return os.getuid()


def windowless_python() -> str:
    """The interpreter that opens no console: pythonw.exe on Windows, where it is installed."""
    if sys.platform == "win32":
        candidate = os.path.join(os.path.dirname(sys.executable), "pythonw.exe")
        if os.path.exists(candidate):
            return candidate
    return sys.executable


def run_value(name: str) -> str | None:
    """The command line under ``name`` in :data:`RUN_KEY`; None where there is none."""
    if sys.platform == "win32":
        import winreg

        try:
            with winreg.OpenKey(winreg.HKEY_CURRENT_USER, RUN_KEY) as key:
                return str(winreg.QueryValueEx(key, name)[0])
        except FileNotFoundError:
            return None
    return None


def set_run_value(name: str, command: str) -> None:
    """Let a logon start ``command``. Raises OSError, also where there is no registry."""
    if sys.platform == "win32":
        import winreg

        with winreg.CreateKey(winreg.HKEY_CURRENT_USER, RUN_KEY) as key:
            winreg.SetValueEx(key, name, 0, winreg.REG_SZ, command)
        return
    raise OSError("only Windows has a registry")


def delete_run_value(name: str) -> None:
    """Start it no longer; what is not there is no error. Raises OSError as above."""
    if sys.platform == "win32":
        import winreg

        try:
            with winreg.OpenKey(
                winreg.HKEY_CURRENT_USER, RUN_KEY, access=winreg.KEY_SET_VALUE
            ) as key:
                winreg.DeleteValue(key, name)
        except FileNotFoundError:
            pass
        return
    raise OSError("only Windows has a registry")
