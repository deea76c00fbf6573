"""The stage type `docker_publish`: the image that was built, pushed to an external registry."""
