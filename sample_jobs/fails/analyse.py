"""Reads a data file that is not there, says so, and ends with code 3.

The message goes to stderr, which QM writes into the same process.log. A code of
one's own for each kind of failure lets other programs tell them apart.
"""

import sys
from pathlib import Path

NO_DATA = 3

data = Path(sys.argv[1])
if not data.exists():
    print(f"{data}: there is no such data file. Put it into the job folder.", file=sys.stderr)
    sys.exit(NO_DATA)
print(f"{data}: {len(data.read_bytes())} bytes.")
