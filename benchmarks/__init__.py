"""Measurements that anyone can repeat: latency, barge-in, endpointing, codecs."""
