"""Why a user's process ended, in words."""

import signal

NOT_EXECUTABLE = 126
NOT_FOUND = 127
SIGNALLED = 128  # plus the signal's number


def describe(code: int, what: str = "command") -> str:
    """What an exit code other than 0 means, in a sentence; `what` is what ended with it."""
    said = f"the {what} exited with {code}"
    if code == NOT_EXECUTABLE:
        return f"{said}: it, or something it calls, is there but cannot be executed"
    if code == NOT_FOUND:
        return f"{said}: it, or something it calls, was not found in the image"
    if code == SIGNALLED + signal.SIGKILL:
        return f"{said}: it was killed (SIGKILL), which is also what happens when memory runs out"
    if name := _signal_name(code - SIGNALLED):
        return f"{said}: it was ended by {name}"
    return said


def _signal_name(number: int) -> str:
    return signal.Signals(number).name if number in {*signal.Signals} else ""
