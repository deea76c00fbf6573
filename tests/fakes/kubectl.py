"""A stand-in of kubectl, as a program on PATH: it records each call, and answers as the file KUBECTL_PLAY says.

The play is JSON: `refuse` is a verb and resource that `auth can-i` says no to, `down` the error of each call that wants
the cluster, `states` what `get` lists, one after another, by namespace; the last one stays.
"""

import json
import os
import sys
from pathlib import Path


def main(words: list[str]) -> int:
    """Record the call and answer it."""
    play_file = Path(os.environ["KUBECTL_PLAY"])
    play = json.loads(play_file.read_text())
    given = "" if sys.stdin.isatty() else sys.stdin.read()
    options = {word.partition("=")[0]: word.partition("=")[2] for word in words if word.startswith("--")}
    words = [word for word in words if not word.startswith("--context")]
    overlay = Path(words[2]) if words[:2] == ["apply", "--kustomize"] else None
    files = {path.name: path.read_text() for path in overlay.iterdir()} if overlay else {}
    with Path(os.environ["KUBECTL_CALLS"]).open("a") as file:
        print(
            json.dumps({"words": words, "context": options.get("--context", ""), "given": given, "files": files}),
            file=file,
        )
    if play.get("down") and words[0] != "config":
        print(f"E0101 memcache.go\n{play['down']}", file=sys.stderr)
        return 1
    return _answer(words, options, play, play_file)


def _answer(words: list[str], options: dict[str, str], play: dict, play_file: Path) -> int:
    match words:
        case ["config", *_]:
            clusters = [] if play.get("nowhere") else [{"cluster": {"server": "https://k8s:6443"}}]
            print(json.dumps({"clusters": clusters, "current-context": options.get("--context") or "dev"}))
        case ["auth", "can-i", *what] if what[:2] == play.get("refuse"):
            print("no")
            return 1
        case ["auth", *_]:
            print("yes")
        case ["get", *_]:
            states = play["states"]
            namespace = options["--namespace"]
            print(json.dumps({"items": states[0].get(namespace, [])}))
            if len(states) > 1 and namespace == "kontinuous-builder":
                play_file.write_text(json.dumps(play | {"states": states[1:]}))
        case ["apply", *_]:
            print("namespace/kontinuous unchanged\ndeployment.apps/kontinuous created")
        case ["delete", *_]:
            print('deployment.apps "kontinuous" deleted')
        case _:
            print(f"unknown command {words}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
