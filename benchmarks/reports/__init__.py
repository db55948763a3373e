"""What becomes of a result: JSON, a page, a summary in Markdown, a comparison."""
