"""Images that are there twice, and the rows that test shares with train."""
