"""What `parley models` does: one module for each of its commands."""
