"""Presentation states, segmentations, parametric maps and contours: shown over the images that they refer to."""
