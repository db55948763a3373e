"""Installs an unpacked bundle; of Python's standard library only, as it runs before all else."""
