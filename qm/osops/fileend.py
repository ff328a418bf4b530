"""The end of a file that may be large, and that anybody may have put there."""

from __future__ import annotations

import os
import stat

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
)


def read_end(path: str, limit: int) -> tuple[bytes, bool]:
    """The last ``limit`` bytes of a plain file, and whether that is all of it.

    No link is followed in the last step, no pipe is waited for. It is open only
    for a moment: on Windows an open file would keep its folder from being
    moved. OSError where it cannot be read or is no plain file.
    """
    fd = os.open(path, _FLAGS)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{path} is not a plain file")
        start = max(0, status.st_size - limit)
        os.lseek(fd, start, os.SEEK_SET)
        data = b""
        while len(data) < limit and (more := os.read(fd, limit - len(data))):
            data += more
        return data, start == 0
    finally:
        os.close(fd)
