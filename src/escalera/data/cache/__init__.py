"""From listings to decoded arrays in a folder of the cache, each image checked."""
