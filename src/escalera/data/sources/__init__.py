"""Sources by name or path: where each is, and how it is opened."""
