"""Events inside the server: wake-ups between workers, and the logs followed by those who listen."""
