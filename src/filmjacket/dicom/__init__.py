"""The DICOM data format without I/O: PS3.5, PS3.6, PS3.10, PS3.18 Annex F and PS3.19 Annex A."""
