"""The starter recognizer: a small network of Whisper's architecture, from tokens to export."""
