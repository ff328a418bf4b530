"""Makes process.pyz from the folder "process": python build.py [TARGET].

The same sources give the same bytes on every machine: the files are stored in
order of their names, uncompressed, with a fixed date and with Unix line ends.
"""

import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
FIXED_DATE = (1980, 1, 1, 0, 0, 0)
REGULAR_FILE = 0o100644 << 16
UNIX = 3


def build(source: Path, target: Path) -> None:
    """Zip the Python files of the folder ``source`` into the file ``target``."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(source.glob("*.py"), key=lambda file: file.name):
            entry = zipfile.ZipInfo(file.name, FIXED_DATE)
            entry.create_system = UNIX
            entry.external_attr = REGULAR_FILE
            archive.writestr(entry, file.read_text(encoding="utf-8").encode("utf-8"))


if __name__ == "__main__":
    build(HERE / "process", Path(sys.argv[1]) if sys.argv[1:] else HERE / "process.pyz")
