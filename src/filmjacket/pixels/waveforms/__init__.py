"""Waveforms as plots (an extension: PS3.18 Table 8.7.4-1 has no rendered type for them).

`signals` reads channels in physical units, `layout` puts them on paper, `svg` and `png` draw the paper.
"""
