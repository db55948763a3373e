"""What each step of the media path costs."""
