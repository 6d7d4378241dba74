"""The web page: `escalera studio`."""
