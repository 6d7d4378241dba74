"""What all rooms stand on: errors, files that survive a crash, the run directory, the machine, and words."""
