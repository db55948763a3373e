"""The starter voice: a small statistical one, taught by flite's slt, that fits Piper's contract."""
