"""What sessions cost in memory, and what finished calls leave behind."""
