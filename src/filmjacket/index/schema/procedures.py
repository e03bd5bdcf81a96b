"""Tables of the modality services (PS3.18 chapters 14 and 15): scheduled and performed procedure steps."""
