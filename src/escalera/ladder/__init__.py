"""Ladder files: their schema, the change of a rung over its parent, and the reader."""
