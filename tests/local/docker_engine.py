"""What the tests of the Docker launcher run on."""

from local.base_images import PYTHON

IMAGE = PYTHON
"""Has a shell and coreutils; the one-machine mode sees to it that engines have it."""

NETWORK = "bridge"
