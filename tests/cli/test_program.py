import json
import sys
from pathlib import Path

import pytest

from cli.program import LocalProgram, failure
from shared.errors import InfrastructureError, InputError, Interrupted, KontinuousError


def program(code: str) -> LocalProgram:
    return LocalProgram((sys.executable, "-c", code))


def test_an_answer_is_json() -> None:
    assert program("import sys, json; print(json.dumps({'said': sys.argv[1:]}))").ask("a", "b") == {"said": ["a", "b"]}


def test_progress_is_passed_on_but_for_the_error() -> None:
    said: list[str] = []
    code = "import sys; print('one\\nkontinuous: wrong', file=sys.stderr); sys.exit(2)"
    with pytest.raises(InputError, match=r"^wrong$"):
        program(code).ask("source", say=said.append)
    assert said == ["one"]


def test_an_answer_that_is_no_json_is_an_infrastructure_error() -> None:
    with pytest.raises(InfrastructureError, match="answered 'hello"):
        program("print('hello')").ask("source")


@pytest.mark.parametrize(
    ("code", "kind"), [(2, InputError), (3, InfrastructureError), (130, Interrupted), (-9, InfrastructureError)]
)
def test_an_exit_code_becomes_the_error_that_it_stands_for(code: int, kind: type[KontinuousError]) -> None:
    error = failure(code, ["progress", "kontinuous: it is wrong", "more"], "`local x`")
    assert (type(error), str(error)) == (kind, "it is wrong")


def test_without_an_error_line_the_last_words_are_shown() -> None:
    assert (
        str(failure(1, ["Traceback", "  KeyError", ""], "`local x`")) == "`local x` failed with exit code 1: KeyError"
    )


def test_a_folder_named_local_in_the_users_folder_is_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "__main__.py").write_text(f"print({json.dumps('theirs')})")
    monkeypatch.chdir(tmp_path)
    try:
        said = LocalProgram().output("--help")
    except KontinuousError as error:
        said = str(error)
    assert "theirs" not in said
