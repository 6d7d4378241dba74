"""What a person asks a model about: files, rows of a table, arrays."""
