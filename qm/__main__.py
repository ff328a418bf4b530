"""``python -m qm`` is the program ``qm``."""

from qm.cli import main

if __name__ == "__main__":
    main()
