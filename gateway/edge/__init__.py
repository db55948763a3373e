"""Sockets: listening, handshakes, limits, one reader and one writer per socket."""
