"""Composes protocol and pipeline into a server and a client; alone knows websockets."""
