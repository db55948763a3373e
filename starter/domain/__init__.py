"""The one grammar of the starter models: what people say to the assistant, and in which words.

The recognizer learns to hear these sentences and the language model to answer them, so that what is
heard can be answered. Word lists and templates are plain text files beside the modules.
"""
