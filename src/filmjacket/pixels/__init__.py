"""Pixels: the only place that decodes images (numpy, imagecodecs). Imported where it is needed, never at start-up."""
