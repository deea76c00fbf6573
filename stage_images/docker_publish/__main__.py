"""The entrypoint of the image: one run of the stage type `docker_publish`."""

from shared.stage import run_stage
from stage_images.docker_publish.stage import execute

if __name__ == "__main__":
    run_stage(execute, clone=False)
