"""Costs of real models without their weights: random ones of the same shapes, measured."""
