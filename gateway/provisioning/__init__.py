"""Models on this machine: what fits it, where they come from, how they get here."""
