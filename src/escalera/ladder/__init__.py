"""Ladder files: their schema, the change of a rung over its parent, the reader, and the kinds there are."""
