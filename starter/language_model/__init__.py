"""The language model of the starter set: tokenizer, network, training, export to GGUF."""
