"""Watching the server: Prometheus metrics, OpenTelemetry traces, processes of a server that share a directory."""
