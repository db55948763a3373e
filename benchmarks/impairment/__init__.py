"""A bad network between a client and a server, made in one process and without root."""
