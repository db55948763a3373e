"""Parley beside others: the same devices, the same speech, the same stated costs, in one run."""

__all__: list[str] = []
