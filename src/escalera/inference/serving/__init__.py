"""A model over HTTP: `escalera serve`, and what the studio shares with it."""
