"""Makes github_webhooks.json: of the published examples of GitHub's webhooks, one for each kind that tests send.

npm pack @octokit/webhooks-examples && tar xzf octokit-webhooks-examples-*.tgz
python -m tests.fakes.trim_github_webhooks package
"""

import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent / "github_webhooks.json"


def trim(examples: dict[str, list[dict[str, Any]]], version: str) -> dict[str, Any]:
    """The examples that are kept, by what they tell of."""
    pushes = examples["push"]
    return {
        "source": f"npm package @octokit/webhooks-examples {version}, api.github.com/index.json (MIT)",
        "push": next(each for each in pushes if each["ref"].startswith("refs/heads/") and each["head_commit"]),
        "delete": next(each for each in pushes if each["deleted"]),
        "pull_request": next(each for each in examples["pull_request"] if each["action"] == "opened"),
        "ping": next(each for each in examples["ping"] if "repository" in each),
    }


if __name__ == "__main__":
    package = Path(sys.argv[1])
    index = json.loads((package / "api.github.com" / "index.json").read_text())
    version = json.loads((package / "package.json").read_text())["version"]
    kept = trim({each["name"]: each["examples"] for each in index}, version)
    TARGET.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
