"""One device-like session against any Parley server; `parley talk` and the benchmarks use it."""
