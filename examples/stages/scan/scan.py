"""A stage type of one's own in Python: bandit looks for security flaws in the Python files of the commit.

`run_stage` keeps the stage contract; what is left is one function that does the work.
"""

import json
import subprocess

from shared.errors import InfrastructureError, InputError, UserWorkFailed
from shared.stage import run_stage

LEVELS = ("low", "medium", "high")
OUTPUT = "bandit.json"
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}  # bandit has libraries of its own


def execute(run):
    """Scan the clone; the findings go into the log and, as JSON, into a file that a pipeline may keep."""
    level = run.params.get("level", "medium")
    if level not in LEVELS:
        raise InputError(f"the param `level` is {level!r}, not one of {', '.join(LEVELS)}")
    paths = run.params.get("paths", ["."])
    run.log.note(f"bandit: level {level}, in {', '.join(paths)}")
    run.work_begins()
    findings = scan(run.workspace, paths)
    for finding in findings:
        place = f"{finding['filename']}:{finding['line_number']}"
        run.log.note(f"{place}: {finding['issue_severity'].lower()}: {finding['issue_text']} ({finding['test_id']})")
    grave = [each for each in findings if LEVELS.index(each["issue_severity"].lower()) >= LEVELS.index(level)]
    if grave:
        raise UserWorkFailed(f"{len(grave)} findings of level {level} or higher: see the log, or {OUTPUT}")
    return {"findings": len(findings)}


def scan(workspace, paths):
    """Run bandit; returns its findings."""
    words = ["bandit", "--recursive", "--quiet", "--exit-zero", "--format", "json", "--output", OUTPUT, *paths]
    done = subprocess.run(words, cwd=workspace, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise InfrastructureError(f"bandit failed: {done.stderr.strip()[-500:]}")
    return json.loads((workspace / OUTPUT).read_text())["results"]


if __name__ == "__main__":
    run_stage(execute, clone=True)
