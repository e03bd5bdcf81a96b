"""The Studies service (PS3.18 chapter 10): store (STOW-RS), search (QIDO-RS), retrieve (WADO-RS)."""
