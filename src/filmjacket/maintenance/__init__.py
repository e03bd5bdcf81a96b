"""Upkeep of an archive: checking what is stored and clearing away what nobody refers to."""
