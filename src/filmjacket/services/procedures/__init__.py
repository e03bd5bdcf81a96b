"""Scheduled and performed modality procedure steps (PS3.18 chapters 14 and 15; Supplement 246)."""
