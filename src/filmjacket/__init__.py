"""Filmjacket: a complete DICOMweb (PS3.18) origin server."""

__version__ = "0.1.0"
