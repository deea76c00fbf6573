"""The stage type `docker_build`: an image from the repository's Dockerfile, pushed to the internal registry."""
