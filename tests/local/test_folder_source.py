"""Handing over commits of local folders, with the real git."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local import folder_source
from local.folder_source import FolderSource, HandedOver, hand_over, identify
from local.git_command import git as ours
from shared.errors import InfrastructureError, InputError, NotFound
from shared.model import Repository
from tests.git_server import commit, git

URL = "http://git:8080"
FILES = {"kept.txt": "kept\n", "changed.txt": "old\n", "removed.txt": "gone soon\n", ".gitignore": "*.log\nbuild/\n"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with one commit on main."""
    made = tmp_path / "My Project"
    made.mkdir()
    git(made, "init", "--quiet", "--initial-branch", "main")
    write(made, FILES)
    commit(made, "first")
    return made


@pytest.fixture
def bares(tmp_path: Path) -> Path:
    return tmp_path / "state" / "git"


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def bare_of(bares: Path, handed: HandedOver) -> Path:
    _, owner, name = handed.repository.split("/")
    return bares / owner / f"{name}.git"


def repository_of(handed: HandedOver) -> Repository:
    return Repository(*handed.repository.split("/"))


def cloned(bares: Path, handed: HandedOver, into: Path) -> dict[str, str]:
    """What a stage would get: the files of the commit, fetched by its SHA from the bare repository alone."""
    git(into, "init", "--quiet", "clone")
    git(into / "clone", "fetch", "--quiet", "--depth=1", f"file://{bare_of(bares, handed)}", handed.sha)
    git(into / "clone", "checkout", "--quiet", handed.sha)
    files = (path for path in (into / "clone").rglob("*") if path.is_file() and ".git" not in path.parts)
    return {str(path.relative_to(into / "clone")): path.read_text() for path in files}


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file of a repository's own `.git`, with its bytes."""
    top = Path(git(folder, "rev-parse", "--path-format=absolute", "--git-common-dir"))
    return {str(path.relative_to(top)): path.read_bytes() for path in sorted(top.rglob("*")) if path.is_file()}


def test_head_is_handed_over_with_its_branch(folder: Path, bares: Path, tmp_path: Path) -> None:
    handed = hand_over(folder, bares)
    head = git(folder, "rev-parse", "HEAD")
    assert handed == HandedOver(str(identify(folder)), head, f"refs/kontinuous/{head}/heads/main", "main")
    assert cloned(bares, handed, tmp_path) == FILES


def test_a_folder_is_known_by_its_path_and_name(folder: Path) -> None:
    (folder / "deep" / "er").mkdir(parents=True)
    identity = identify(folder)
    assert (identity.host, identity.name, len(identity.owner)) == ("local", "my-project", 8)
    assert identify(folder / "deep" / "er") == identity
    link = folder.parent / "link"
    link.symlink_to(folder)
    assert identify(link) == identity


def test_uncommitted_work_stays_behind_unless_asked_for(folder: Path, bares: Path, tmp_path: Path) -> None:
    write(folder, {"changed.txt": "new\n", "untracked.txt": "new\n"})
    assert cloned(bares, hand_over(folder, bares), tmp_path) == FILES


@pytest.mark.parametrize("below", [".", "deep/er"])
def test_a_dirty_work_tree_is_handed_over_as_it_is(folder: Path, bares: Path, tmp_path: Path, below: str) -> None:
    write(folder, {"changed.txt": "new\n", "deep/er/untracked.txt": "new\n", "noise.log": "x", "build/out": "x"})
    (folder / "removed.txt").unlink()
    handed = hand_over(folder / below, bares, dirty=True)
    expected = {**FILES, "changed.txt": "new\n", "deep/er/untracked.txt": "new\n"}
    del expected["removed.txt"]
    assert cloned(bares, handed, tmp_path) == expected
    assert handed.branch == "main"
    assert handed.ref == f"refs/kontinuous/{handed.sha}/heads/main"
    head = git(folder, "rev-parse", "HEAD")
    assert git(bare_of(bares, handed), "rev-parse", f"{handed.sha}^") == head
    assert git(bare_of(bares, handed), "show", "--no-patch", "--format=%s", handed.sha) == (
        f"Uncommitted work on {head[:10]}"
    )


def test_what_was_only_staged_is_handed_over_whole(folder: Path, bares: Path, tmp_path: Path) -> None:
    """The objects of staged files are in the folder's own store already, and in no commit."""
    write(folder, {"staged.txt": "staged\n", "other.txt": "on another branch\n"})
    git(folder, "add", "staged.txt")
    git(folder, "hash-object", "-w", "other.txt")
    handed = hand_over(folder, bares, dirty=True)
    expected = {**FILES, "staged.txt": "staged\n", "other.txt": "on another branch\n"}
    assert cloned(bares, handed, tmp_path) == expected


@pytest.mark.parametrize("split", ["false", "true"])
def test_the_folders_own_repository_is_not_touched(folder: Path, bares: Path, split: str) -> None:
    git(folder, "config", "core.splitIndex", split)
    write(folder, {"changed.txt": "new\n", "untracked.txt": "new\n", "staged.txt": "x\n"})
    git(folder, "add", "staged.txt")
    before = snapshot(folder)
    hand_over(folder, bares, dirty=True)
    hand_over(folder, bares)
    assert snapshot(folder) == before


def test_a_clean_work_tree_may_be_handed_over_as_dirty(folder: Path, bares: Path, tmp_path: Path) -> None:
    assert cloned(bares, hand_over(folder, bares, dirty=True), tmp_path) == FILES


@pytest.mark.parametrize(
    ("ref", "full", "branch"),
    [
        ("feature/x", "heads/feature/x", "feature/x"),
        ("refs/heads/feature/x", "heads/feature/x", "feature/x"),
        ("v1.0", "tags/v1.0", "v1.0"),
        ("light", "tags/light", "light"),
        ("main~1", "commit", ""),
    ],
)
def test_a_branch_tag_or_other_name_is_handed_over(
    folder: Path, bares: Path, tmp_path: Path, ref: str, full: str, branch: str
) -> None:
    sha = git(folder, "rev-parse", "HEAD")
    git(folder, "branch", "feature/x")
    git(folder, "-c", "user.name=t", "-c", "user.email=t@x", "tag", "--annotate", "-m", "one", "v1.0")
    git(folder, "tag", "light")
    write(folder, {"kept.txt": "newer\n"})
    commit(folder, "second")
    handed = hand_over(folder, bares, ref)
    assert (handed.sha, handed.ref, handed.branch) == (sha, f"refs/kontinuous/{sha}/{full}", branch)
    assert cloned(bares, handed, tmp_path) == FILES


def test_a_sha_is_handed_over_in_full_or_short(folder: Path, bares: Path) -> None:
    sha = git(folder, "rev-parse", "HEAD")
    for ref in (sha, sha[:8]):
        handed = hand_over(folder, bares, ref)
        assert (handed.sha, handed.ref, handed.branch) == (sha, f"refs/kontinuous/{sha}/commit", "")


def test_a_detached_head_has_no_branch(folder: Path, bares: Path) -> None:
    git(folder, "checkout", "--quiet", "--detach")
    assert hand_over(folder, bares).branch == ""


@pytest.mark.parametrize("ref", ["nope", "--all", "HEAD:kept.txt", "a b", "nope\0", "", "-x"])
def test_a_ref_that_is_not_there_is_named(folder: Path, bares: Path, ref: str) -> None:
    if not ref:
        git(folder, "update-ref", "-d", "HEAD")
    with pytest.raises(InputError, match=r"no branch, tag or commit|no commit yet"):
        hand_over(folder, bares, ref)


def test_a_folder_without_git_is_named(tmp_path: Path, bares: Path) -> None:
    with pytest.raises(InputError, match="not a git repository"):
        hand_over(tmp_path, bares)
    with pytest.raises(InputError, match="No such file or directory"):
        hand_over(tmp_path / "nowhere", bares)


def test_a_linked_worktree_is_a_folder_of_its_own(folder: Path, bares: Path, tmp_path: Path) -> None:
    git(folder, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "linked"))
    write(tmp_path / "linked", {"changed.txt": "in the worktree\n"})
    before = snapshot(folder)
    handed = hand_over(tmp_path / "linked", bares, dirty=True)
    assert handed.branch == "side"
    assert handed.repository != str(identify(folder))
    assert cloned(bares, handed, tmp_path) == {**FILES, "changed.txt": "in the worktree\n"}
    assert snapshot(folder) == before


def test_a_shallow_clone_is_handed_over(folder: Path, bares: Path, tmp_path: Path) -> None:
    write(folder, {"kept.txt": "newer\n"})
    commit(folder, "second")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{folder}", "shallow")
    write(tmp_path / "shallow", {"new.txt": "new\n"})
    dirty = hand_over(tmp_path / "shallow", bares, dirty=True)
    clean = hand_over(tmp_path / "shallow", bares)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert cloned(bares, clean, tmp_path / "a") == {**FILES, "kept.txt": "newer\n"}
    assert cloned(bares, dirty, tmp_path / "b") == {**FILES, "kept.txt": "newer\n", "new.txt": "new\n"}


@pytest.mark.parametrize("name", ["with space", "with:colon", 'with"quote', "with\\backslash", "ümläut", "-dash"])
def test_a_folder_may_have_any_name(folder: Path, bares: Path, tmp_path: Path, name: str) -> None:
    moved = folder.rename(tmp_path / name)
    write(moved, {"new.txt": "new\n"})
    git(moved, "add", "new.txt")
    assert cloned(bares, hand_over(moved, bares, dirty=True), tmp_path) == {**FILES, "new.txt": "new\n"}


def test_what_git_is_told_by_its_environment_is_not_heard(
    folder: Path, bares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a hook, from which a build may be started."""
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert hand_over(folder, bares).sha == git(folder, "rev-parse", "HEAD")


def test_hooks_and_settings_of_the_folder_have_no_say(folder: Path, bares: Path) -> None:
    hook = folder / ".git" / "hooks" / "pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    git(folder, "config", "push.gpgSign", "true")
    git(folder, "config", "push.followTags", "true")
    git(folder, "config", "push.recurseSubmodules", "only")
    assert hand_over(folder, bares).branch == "main"


def test_two_hand_overs_at_once_both_succeed(folder: Path, bares: Path) -> None:
    write(folder, {"untracked.txt": "new\n"})
    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(hand_over, folder, bares, "", dirty) for dirty in (True, False) * 3]
        handed = [job.result() for job in jobs]
    source = FolderSource(bares, URL)
    assert {source.commit(repository_of(each), each.ref, "").sha for each in handed} == {each.sha for each in handed}
    bare = bare_of(bares, handed[0])
    assert [path.name for path in bare.parent.iterdir()] == [bare.name]
    assert not (bare / "new.git").exists()


def test_a_commit_that_was_handed_over_stays_what_it_was(folder: Path, bares: Path) -> None:
    first = hand_over(folder, bares)
    write(folder, {"kept.txt": "newer\n"})
    commit(folder, "second")
    second = hand_over(folder, bares)
    source = FolderSource(bares, URL)
    assert source.commit(repository_of(first), first.ref, "").sha == first.sha != second.sha


def test_the_commits_handed_over_last_are_kept_however_old_they_are(
    folder: Path, bares: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_source, "KEPT_COMMITS", 2)
    oldest = git(folder, "rev-parse", "HEAD")
    for number in range(3):
        write(folder, {"kept.txt": f"{number}\n"})
        commit(folder, f"number {number}")
        handed = hand_over(folder, bares)
        os.utime(bare_of(bares, handed) / handed.ref, ns=(number, number))
    again = hand_over(folder, bares, oldest)
    refs = git(bare_of(bares, again), "for-each-ref", "--format=%(objectname)").splitlines()
    assert sorted(refs) == sorted([oldest, handed.sha])


def test_a_commit_is_resolved_with_who_wrote_it(folder: Path, bares: Path) -> None:
    handed = hand_over(folder, bares)
    source = FolderSource(bares, URL)
    found = source.commit(repository_of(handed), handed.ref, "")
    assert (found.sha, found.ref, found.branch) == (handed.sha, "refs/heads/main", "main")
    assert (found.author, found.message) == ("t <t@example.com>", "first")
    bare_commit = source.commit(repository_of(handed), handed.sha, "")
    assert (bare_commit.sha, bare_commit.ref) == (handed.sha, "")


def test_a_tag_is_resolved_as_a_tag(folder: Path, bares: Path) -> None:
    git(folder, "tag", "v1.0")
    handed = hand_over(folder, bares, "v1.0")
    found = FolderSource(bares, URL).commit(repository_of(handed), handed.ref, "")
    assert (found.ref, found.branch) == ("refs/tags/v1.0", "v1.0")


@pytest.mark.parametrize("ref", ["", "main", "--all", "0" * 40, "nope\0", "\ud800", "a..b"])
def test_what_was_not_handed_over_is_not_found(folder: Path, bares: Path, ref: str) -> None:
    repository = repository_of(hand_over(folder, bares))
    with pytest.raises(NotFound, match="no commit"):
        FolderSource(bares, URL).commit(repository, ref, "")


def test_a_file_is_read_at_its_commit(folder: Path, bares: Path) -> None:
    handed = hand_over(folder, bares)
    write(folder, {"kept.txt": "newer\n"})
    source = FolderSource(bares, URL)
    assert source.read_file(repository_of(handed), "kept.txt", handed.sha, "") == "kept\n"
    with pytest.raises(NotFound, match=f"has no nope.txt at commit {handed.sha[:10]}"):
        source.read_file(repository_of(handed), "nope.txt", handed.sha, "")


def test_a_file_that_is_no_text_is_refused(folder: Path, bares: Path) -> None:
    (folder / "kept.txt").write_bytes(b"\xff")
    handed = hand_over(folder, bares, dirty=True)
    with pytest.raises(InputError, match="not UTF-8"):
        FolderSource(bares, URL).read_file(repository_of(handed), "kept.txt", handed.sha, "")


def test_stages_clone_from_the_url_of_the_service(folder: Path, bares: Path) -> None:
    repository = repository_of(hand_over(folder, bares))
    assert FolderSource(bares, URL).clone_url(repository) == f"{URL}/{repository.owner}/my-project.git"


@pytest.mark.parametrize("ask", ["commit", "read_file", "clone_url"])
@pytest.mark.parametrize("other", [("github.com", None, None), (None, "00000000", None), (None, None, "other")])
def test_a_repository_that_was_not_handed_over_is_not_found(
    folder: Path, bares: Path, ask: str, other: tuple[str | None, str | None, str | None]
) -> None:
    known = repository_of(hand_over(folder, bares))
    fields = zip(other, (known.host, known.owner, known.name), strict=True)
    repository = Repository(*(new or old for new, old in fields))
    source = FolderSource(bares, URL)
    asks: dict[str, Callable[[], object]] = {
        "commit": lambda: source.commit(repository, "HEAD", ""),
        "read_file": lambda: source.read_file(repository, "kept.txt", "HEAD", ""),
        "clone_url": lambda: source.clone_url(repository),
    }
    with pytest.raises(NotFound, match="is not a folder that was handed over"):
        asks[ask]()


def test_a_machine_without_git_is_told_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InfrastructureError, match="apt install git"):
        identify(folder)


def test_git_speaks_english_and_in_its_own_words(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    with pytest.raises(InputError, match=r"git show in .*My Project failed: fatal: "):
        ours(folder, "show", "--end-of-options", "nope")


def test_git_is_given_up_after_a_while(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    monkeypatch.setattr("local.git_command.LIMIT_S", 0.2)
    with pytest.raises(InfrastructureError, match="did not end within"):
        ours(folder, "status")
