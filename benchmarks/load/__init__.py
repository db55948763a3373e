"""`parley bench`: device-like sessions against a server, and what they measure."""
