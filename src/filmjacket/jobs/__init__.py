"""Jobs: long work that goes on after whatever stops it, on a durable engine (decision 16).

A job is one of the kinds of `filmjacket.jobs.kinds`. It runs in steps, each of which is right when it runs twice; the
engine, which only `filmjacket.jobs.engine` and `filmjacket.jobs.executor` know, keeps where a job is between them.
"""
