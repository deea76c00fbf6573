"""The whole proof: the rig put up, five trials of one image, seven checks, and the table that a person reads."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import count
from pathlib import Path
from secrets import token_hex

from local.adapters import make_launcher, open_key_value, open_objects
from local.conformance.checks import SITUATIONS, Evidence, Finding, judge
from local.conformance.job import Subject
from local.conformance.rig import Rig
from local.engine import find_engine
from local.folder_source import FolderSource, HandedOver, hand_over
from local.git_command import make_repository
from local.home import ENGINE_HOME_VARIABLE, Home, open_home
from local.images import ensure_images
from local.progress import Say
from local.serve import make_settings
from local.services import start_services
from shared.errors import InputError
from shared.json_value import Json
from shared.model import Repository
from shared.state_folder import HOME_VARIABLE

PORT = 3005  # of a coordinator that is not there: it stands in links only
README = "# A repository to try a stage on\n"


class Proof:
    """Proves images, one after the other, on one rig."""

    def __init__(self, rig: Rig, source: HandedOver, clone_url: str, say: Say) -> None:
        """The stages clone `source`, at `clone_url`."""
        self._rig = rig
        self._source = source
        self._clone_url = clone_url
        self._say = say
        self._numbers = count(1)

    def of(self, image: str, kind: str, params: Mapping[str, Json]) -> tuple[Finding, ...]:
        """Run `image` as a stage of type `kind` in every situation, and judge what was seen.

        Raises InputError where the image cannot be run.
        """
        subject = Subject(image, kind, params, self._source, self._clone_url)
        trials = {}
        for place, situation in enumerate(SITUATIONS, start=1):
            self._say(f"trial {place} of {len(SITUATIONS)}: {situation.name}")
            trials[situation] = self._rig.run(subject, next(self._numbers), situation)
        return judge(Evidence(trials, self._rig.hidden))


@contextmanager
def proving(folder: Path | None, home: Home, say: Say) -> Iterator[Proof]:
    """Have all that a proof needs up, for stages that clone HEAD of `folder`, or a repository with one file.

    Raises InfrastructureError where a part does not come up, InputError where the folder has no commit.
    """
    with tempfile.TemporaryDirectory(prefix="conformance-", ignore_cleanup_errors=True) as scratch:
        root = Path(scratch)
        own = open_home({HOME_VARIABLE: str(root / "home"), ENGINE_HOME_VARIABLE: str(home.engine_root)})
        source = hand_over(folder or _repository(root / "repository"), own.git)
        with _rig(own, say) as (rig, sources):
            yield Proof(rig, source, sources.clone_url(Repository(*source.repository.split("/"))), say)


def read_params(words: Sequence[str]) -> dict[str, Json]:
    """`NAME=VALUE` words as params, a value that is JSON as what it says; raises InputError."""
    params: dict[str, Json] = {}
    for word in words:
        name, found, value = word.partition("=")
        if not found or not name:
            raise InputError(f"{word!r} is no param; write NAME=VALUE")
        try:
            params[name] = json.loads(value)
        except ValueError:
            params[name] = value
    return params


def table(findings: Sequence[Finding]) -> str:
    """One line for each check: its name, whether the contract is kept, what was seen."""
    width = max(len(finding.check) for finding in findings)
    return "\n".join(
        f"{finding.check:{width}}  {'FAIL' if finding.problem else 'ok  '}  {finding.problem or finding.detail}"
        for finding in findings
    )


@contextmanager
def _rig(home: Home, say: Say) -> Iterator[tuple[Rig, FolderSource]]:
    with ExitStack() as stack:
        engine = find_engine(home.engine_root, say)
        stack.callback(engine.stop)
        images = ensure_images(engine, home.cache, say)
        services = start_services(engine, home, say)
        stack.callback(services.stop)
        settings = make_settings(home, engine, services, images, PORT)
        launcher = stack.enter_context(closing(make_launcher(engine, services, home.instance, settings)))
        kv = stack.enter_context(closing(open_key_value(settings)))
        secret = f"conformance-{token_hex(12)}".encode()
        rig = Rig(engine, home.instance, settings, kv, open_objects(settings), launcher, secret)
        yield rig, FolderSource(home.git, services.inside_git_url)


def _repository(folder: Path) -> Path:
    folder.mkdir()
    (folder / "README.md").write_text(README)
    make_repository(folder, "First")
    return folder
