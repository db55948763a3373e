"""Conversations from which the starter language model learns, and what is said in them."""
