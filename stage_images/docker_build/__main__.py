"""The entrypoint of the image: one run of the stage type `docker_build`."""

from shared.stage import run_stage
from stage_images.docker_build.stage import execute

if __name__ == "__main__":
    run_stage(execute, clone=True)
