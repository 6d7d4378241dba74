"""How properties are looked for: the same examples every time, and nothing is left in the repository."""

import tempfile
from pathlib import Path

from hypothesis import configuration, settings

# Without examples too it keeps something: tables of Unicode, and the constants of our sources.
configuration.set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "escalera-hypothesis")
settings.register_profile("escalera", max_examples=50, deadline=None, derandomize=True, database=None)
settings.load_profile("escalera")
