"""The Worklist service (PS3.18 chapter 11; PS3.4 Annex CC), also called UPS-RS."""
