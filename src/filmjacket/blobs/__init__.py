"""Blob stores: where the bytes of Part 10 files are kept, write once."""
