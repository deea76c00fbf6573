"""The one-machine mode: the engine, the services and the images that a pipeline needs where there is no cluster."""
