"""The alerts, evaluated by the engine of Prometheus itself."""
