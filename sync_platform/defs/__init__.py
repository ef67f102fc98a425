"""What runs here: one folder an instance, a `defs.yaml` each, nothing clever."""
