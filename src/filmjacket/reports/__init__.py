"""Reports and documents for people: structured reports, key objects and encapsulated documents (PS3.18 8.7.4).

One way through: attributes -> `content_tree` -> `structured_report` -> a `Report` of blocks -> `html`, `plain_text`
or `pdf`. Nothing here does I/O; bulk values come from a callable.
"""
