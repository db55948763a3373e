"""``python -m benchmarks.micro``."""

import sys

from benchmarks.micro.command import main

sys.exit(main())
