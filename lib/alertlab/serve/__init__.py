"""Prometheus' read API over a recording, for whatever speaks to a Prometheus server."""
