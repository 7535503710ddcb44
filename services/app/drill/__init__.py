"""Collapses on purpose: a small run with the real learner, controller and nats-server, and one fault in it."""
