"""The Storage Commitment service (PS3.18 chapter 13)."""
