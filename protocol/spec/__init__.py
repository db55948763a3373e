"""The protocol as AsyncAPI document, JSON Schemas and vectors, generated from the dataclasses."""
