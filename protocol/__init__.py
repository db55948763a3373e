"""The native wire protocol of Parley, without I/O: bytes in, typed events out, and back."""
