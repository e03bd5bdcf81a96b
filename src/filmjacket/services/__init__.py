"""One folder for each service of PS3.18; functions over values and ports, no HTTP and no SQL."""
