"""Speech in, speech out, in one process. Knows no WebSocket."""
