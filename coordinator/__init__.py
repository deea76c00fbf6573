"""The coordinator: checks who is asking, expands pipelines into builds, creates Jobs, decides what is next."""
