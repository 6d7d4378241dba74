"""The tabs of the page, each a function that lays out its part inside gradio's blocks."""

from escalera.studio.tabs.classify import classify
from escalera.studio.tabs.climb import climb
from escalera.studio.tabs.data import data
from escalera.studio.tabs.pictures import pictures
from escalera.studio.tabs.runs import runs

__all__ = ["classify", "climb", "data", "pictures", "runs"]
