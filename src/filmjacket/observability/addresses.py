"""Addresses that something listens on."""

from __future__ import annotations


def split_address(listen: str) -> tuple[str, int]:
    """Host and port of an address such as [::1]:9104."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)
