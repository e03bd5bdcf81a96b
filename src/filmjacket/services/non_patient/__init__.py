"""The Non-Patient Instance service (PS3.18 chapter 12): palettes, protocols, templates, inventories."""
