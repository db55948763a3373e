"""Health pages and metrics."""
