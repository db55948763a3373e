"""Who may connect: keys, origins, transport encryption."""
