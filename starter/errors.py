"""What stops a recipe, in one line for the person who runs it."""

__all__ = ["RecipeError"]


class RecipeError(Exception):
    """Something outside the code is missing or wrong; the message says what, and what to do."""
