"""The tabs of the page, each a function that lays out its part inside gradio's blocks."""

from escalera.studio.tabs.classify import classify

__all__ = ["classify"]
