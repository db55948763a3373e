"""Sessions, which outlive their sockets, and what they say."""
