"""What all rooms stand on: errors, the run directory, the machine, words and their translation."""
