"""One migration a file, named by number and change."""
