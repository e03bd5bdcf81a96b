"""The HTTP edge: Starlette endpoints over the services; the only folder that knows both."""
