"""Measures the starter models by Parley's own engines, as they are shipped."""
