"""Attributes of a row, chosen, fitted on train and turned into vectors; and targets cut into bands."""
