"""How many sessions this machine carries, and what breaks first."""
