"""Random changes of batches in training."""
