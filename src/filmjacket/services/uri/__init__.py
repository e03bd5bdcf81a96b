"""The URI service, also called WADO-URI (PS3.18 chapter 9)."""
