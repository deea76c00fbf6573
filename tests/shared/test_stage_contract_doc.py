"""docs/stage-contract.md names every field, file and name that the code has, and no others."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from shared import keys
from shared.errors import EXIT_INFRASTRUCTURE, EXIT_INPUT, EXIT_INTERRUPTED, EXIT_SUCCESS, EXIT_USER
from shared.log_upload import CHUNK_BYTES, CHUNK_SECONDS
from shared.masking import SHORTEST
from shared.stage_contract import StageContext, StageReport
from shared.stage_input import CONTEXT_VERSION
from shared.status import Fault, ReportStatus
from shared.value_formats import variable_name
from tests.shared.stage_schemas import DOCS, DOCUMENTS, text_of

DOC = (Path(__file__).parents[2] / "docs/stage-contract.md").read_text()


def table(section: str) -> list[str]:
    """The words in backticks in the first column of the section's table."""
    body = DOC.split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|")[1] for line in body.splitlines() if line.startswith("|")][2:]
    return [word for row in rows for word in re.findall(r"`([^`]+)`", row)]


def test_every_field_of_the_context_is_explained_in_its_order() -> None:
    assert table("In: the context") == [field.name for field in fields(StageContext)]


def test_every_field_of_the_report_is_explained_in_its_order() -> None:
    assert table("Out: the report") == [field.name for field in fields(StageReport)]


def test_every_credential_is_explained() -> None:
    names = [keys.ETCD_USER, keys.ETCD_PASSWORD, keys.S3_ACCESS_KEY, keys.S3_SECRET_KEY, keys.REGISTRY_USER]
    names += [keys.REGISTRY_PASSWORD, keys.GIT_USER, keys.GIT_PASSWORD, keys.GITHUB_TOKEN]
    assert table("In: the credentials") == names


def test_the_exit_codes_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| (\d+) \|", DOC, re.MULTILINE)
    assert [int(code) for code in rows] == [EXIT_SUCCESS, EXIT_USER, EXIT_INPUT, EXIT_INFRASTRUCTURE, EXIT_INTERRUPTED]


def test_folders_variables_statuses_and_faults_have_their_names() -> None:
    for name in (
        keys.CONTEXT_VARIABLE,
        keys.OUTCOME_VARIABLE,
        keys.CREDENTIALS,
        f"{keys.SECRETS}/<secret>/",
        keys.WORKSPACE,
        *ReportStatus,
        *Fault,
    ):
        assert f"`{name}`" in DOC, name


def test_the_logs_objects_have_their_names() -> None:
    assert f"`{keys.log_archive('<log_prefix>')}`" in DOC
    assert keys.log_chunk("<log_prefix>", 0) == "<log_prefix>chunk-" + 15 * "0"
    assert "`<log_prefix>chunk-<offset>`" in DOC
    assert "15-digit" in DOC


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_schemas_are_those_of_the_model(name: str) -> None:
    assert (DOCS / name).read_text() == text_of(DOCUMENTS[name]), "run python -m tests.shared.stage_schemas"
    assert f"]({name})" in DOC


def test_what_steers_programs_is_named() -> None:
    for name in re.findall(r"`([A-Z_…]+)`", DOC.partition("would steer a program (")[2].partition(")")[0]):
        assert variable_name(name.replace("…", "X")), name
    assert not variable_name("TARGET")


def test_figures_are_those_of_the_code() -> None:
    assert f"every {CHUNK_SECONDS:.0f} s or {CHUNK_BYTES // 2**20} MiB" in DOC
    assert f"a `version` other than {CONTEXT_VERSION}" in DOC
    assert SHORTEST == 4
    assert "four bytes or more" in DOC
