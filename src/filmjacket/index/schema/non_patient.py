"""Tables of the Non-Patient Instance service (PS3.18 chapter 12)."""
