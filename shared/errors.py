"""The tree of errors that are ours to raise, and the exit code each one ends a process with."""

from typing import ClassVar

from shared.status import Fault

EXIT_SUCCESS = 0
EXIT_USER = 1
EXIT_INPUT = 2
EXIT_INFRASTRUCTURE = 3
EXIT_INTERRUPTED = 130

EXIT_CODES: dict[Fault, int] = {
    Fault.USER: EXIT_USER,
    Fault.INPUT: EXIT_INPUT,
    Fault.INFRASTRUCTURE: EXIT_INFRASTRUCTURE,
}


class KontinuousError(Exception):
    """Every error of ours. Its text is one sentence for a person: what is wrong, where, what to do."""

    fault: ClassVar[Fault] = Fault.INFRASTRUCTURE

    @property
    def exit_code(self) -> int:
        """The exit code of a process that this error ends."""
        return EXIT_CODES[self.fault]


class UserWorkFailed(KontinuousError):
    """The user's own build, command or image failed: exit 1. `work_exit_code` is what their process ended with."""

    fault = Fault.USER

    def __init__(self, message: str, work_exit_code: int | None = None) -> None:
        super().__init__(message)
        self.work_exit_code = work_exit_code


class InputError(KontinuousError):
    """Something the user wrote or asked for is wrong: exit 2."""

    fault = Fault.INPUT


class InfrastructureError(KontinuousError):
    """A part that we run on is missing, down or refuses us: exit 3."""

    fault = Fault.INFRASTRUCTURE


class StoreError(InfrastructureError):
    """etcd or S3 cannot be reached or refuses us; the operation may be tried again."""


class StoreRefused(StoreError):
    """etcd or S3 answers, and refuses: wrong credentials, no permission, no such bucket. Trying again does not help."""


class ObjectMissing(KontinuousError):
    """There is no object under this key in S3."""


class NotFound(InputError):
    """The pipeline, build, stage, ref or file that was asked for does not exist."""


class Conflict(InputError):
    """What was asked for clashes with what is there already."""


class Forbidden(InputError):
    """The caller may see it, but not do what was asked for."""


class Unsupported(InputError):
    """This installation does not do that: it lacks a setting, or what it serves has no such thing."""


class TokenRefused(InputError):
    """The source host does not accept the access token that it was given."""


class RateLimited(InfrastructureError):
    """The source host wants to be asked nothing for `wait_s` seconds."""

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class Interrupted(KontinuousError):
    """The process was told to stop (SIGTERM or Ctrl-C)."""

    @property
    def exit_code(self) -> int:
        """130, as shells report a process that was interrupted."""
        return EXIT_INTERRUPTED
