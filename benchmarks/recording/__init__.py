"""Sessions in files: written down by a proxy, looked at, and played against a server again."""
