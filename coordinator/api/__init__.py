"""The HTTP API: Bottle routes, one module per resource. No decisions are made here."""
