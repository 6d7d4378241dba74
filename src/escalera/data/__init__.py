"""Pictures in: sources, decoding, the cache, splits, augmentation and batches."""
