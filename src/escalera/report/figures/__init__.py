"""The report's figures: each a file, a function from numbers to a `svg.Figure`."""
