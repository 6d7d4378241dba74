"""The parts of the page: each a function `section(view)`, which gives what the template of its name needs, or None."""
