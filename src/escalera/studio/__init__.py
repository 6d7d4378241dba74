"""The web page of `escalera studio`, and what it answers over HTTP."""
