"""One run: it is fitted, evaluated, filed, kept, and looked at again."""
