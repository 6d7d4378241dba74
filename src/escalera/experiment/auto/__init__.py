"""A ladder that builds itself: moves are tried on short trainings, and kept where rows of validation say so."""
