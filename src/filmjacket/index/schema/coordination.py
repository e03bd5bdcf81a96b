"""Tables by which workers know of each other: leases."""
