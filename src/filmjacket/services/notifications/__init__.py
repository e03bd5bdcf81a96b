"""Notifications: projections of the change log, and event reports to subscribers (PS3.18 8.10)."""
