"""``python -m benchmarks.peers``."""

import sys

from benchmarks.peers.command import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
