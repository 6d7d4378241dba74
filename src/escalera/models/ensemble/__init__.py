"""Classical classifiers on the features of a network, and their vote."""
