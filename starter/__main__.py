"""Run as `python -m starter`: makes the starter models and measures them."""

import sys

from starter.command import main

if __name__ == "__main__":
    sys.exit(main())
