"""The speech that the starter recognizer learns from, made by Debian's synthesizers."""
