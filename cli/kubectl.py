"""kubectl, as the person at this machine has it: its context, its login, its words."""

import json
import shutil
import subprocess
from typing import Any

from shared.errors import InfrastructureError, InputError

REQUEST_TIMEOUT = "--request-timeout=30s"


class Kubectl:
    """Runs kubectl with a context ("" for the current one). Raises InputError where there is no kubectl."""

    def __init__(self, context: str) -> None:
        if shutil.which("kubectl") is None:
            raise InputError("kubectl is not installed: see https://kubernetes.io/docs/tasks/tools/, and try again")
        self._command = ["kubectl", *([f"--context={context}"] if context else [])]

    def run(self, *words: str, given: str | None = None) -> str:
        """Run it to its end and give what it printed; raises InfrastructureError with its own last words."""
        done = self._done(*words, given=given)
        if done.returncode:
            raise InfrastructureError(f"`kubectl {words[0]}` failed: {_last_line(done.stderr)}")
        return done.stdout

    def read(self, *words: str) -> Any:
        """Run it and read the JSON that it prints."""
        return json.loads(self.run(*words, "--output=json", REQUEST_TIMEOUT))

    def where(self) -> str:
        """The cluster's address and the context, for a person; raises InputError where there is none."""
        done = self._done("config", "view", "--minify", "--output=json")
        config = json.loads(done.stdout) if done.returncode == 0 and done.stdout else {}
        clusters = config.get("clusters") or []
        if not clusters:
            why = _last_line(done.stderr) or "there is no current context"
            raise InputError(f"kubectl knows no cluster: {why}; `kubectl config get-contexts` lists those there are")
        return f"{clusters[0]['cluster'].get('server', '')} (context {config.get('current-context', '')})"

    def require(self, verb: str, resource: str, namespace: str) -> None:
        """Raise InfrastructureError where the cluster does not answer, InputError where we may not do this there."""
        place = [f"--namespace={namespace}"] if namespace else []
        done = self._done("auth", "can-i", verb, resource, *place, REQUEST_TIMEOUT)
        answer = done.stdout.strip().partition(" ")[0]
        if answer not in ("yes", "no"):
            raise InfrastructureError(
                f"the cluster does not answer: {_last_line(done.stderr) or 'kubectl says nothing'}"
            )
        if answer == "no":
            there = f" in the namespace {namespace}" if namespace else ""
            raise InputError(f"you may not {verb} {resource}{there}: ask who administers the cluster, or use --context")

    def _done(self, *words: str, given: str | None = None) -> "subprocess.CompletedProcess[str]":
        command = [*self._command, *words]
        return subprocess.run(command, input=given or "", capture_output=True, text=True, check=False)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
