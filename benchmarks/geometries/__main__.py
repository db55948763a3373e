"""``python -m benchmarks.geometries``."""

from benchmarks.geometries.command import main

raise SystemExit(main())
