"""Grafana dashboards as code, drawn from the table of metrics."""
