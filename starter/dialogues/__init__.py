"""Conversations from which the starter language model learns, and what is said in them.

`generator.dialogue` draws one. What users say and what is answered are plain texts in `data/`: a
phrasing is a line, slots are in braces. Who wants to teach the assistant something new writes a
topic into `data/talk.toml`, or a table into `data/facts.toml`; no code is needed for either. What
takes more (sums, the clock, memory, tools) has a module of its own, and `kinds` puts exchanges
together to conversations. Everything is drawn from one `random.Random`, nothing is downloaded.
"""
