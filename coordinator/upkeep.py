"""What an operator does in a coordinator's pod: `python3 -m coordinator.upkeep`.

The API asks the source host what a caller may do. With a repository that is gone there, nobody may do anything: its
pipeline is the operator's to find and to delete.
"""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence

from coordinator.delivery_records import DeliveryRecords
from coordinator.github import GitHub
from coordinator.pipelines import Pipelines
from coordinator.retention import Retention
from coordinator.settings import Settings
from coordinator.settings_reader import read_settings
from coordinator.store import BuildStore
from coordinator.stores import open_stores
from shared.errors import EXIT_SUCCESS, KontinuousError, NotFound
from shared.model import PipelineRecord
from shared.store_ports import KeyValue, ObjectStore


def main(words: Sequence[str], environment: Mapping[str, str]) -> int:
    """Do what the command line says; returns the exit code."""
    args = _parser().parse_args(words)
    try:
        settings = read_settings(environment)
        kv, objects = open_stores(settings)
        if args.what == "pipelines":
            list_pipelines(kv)
        else:
            delete_pipeline(args.name, settings, kv, objects)
    except KontinuousError as error:
        print(f"kontinuous: {error}", file=sys.stderr)
        return error.exit_code
    return EXIT_SUCCESS


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python3 -m coordinator.upkeep", description="What an operator does with pipelines.")
    commands = parser.add_subparsers(dest="what", required=True)
    commands.add_parser("pipelines", help="list all of them, whoever may see their repositories")
    delete = commands.add_parser("delete-pipeline", help="delete one with its builds, whatever the source host says")
    delete.add_argument("name", metavar="REPOSITORY", help="host/owner/name, as `pipelines` shows it")
    return parser


def list_pipelines(kv: KeyValue) -> None:
    """Print a line for each pipeline: its repository, when it was created, and what is wrong with it."""
    for record in BuildStore(kv).pipelines():
        print("  ".join(filter(None, (str(record.repository), record.created_at, _trouble(record)))))


def _trouble(record: PipelineRecord) -> str:
    return "half deleted: delete it again" if record.removing else record.hook_problem


def delete_pipeline(name: str, settings: Settings, kv: KeyValue, objects: ObjectStore) -> None:
    """Delete a pipeline by its repository's name; raises NotFound, and Conflict while a build of it runs."""
    store, github = BuildStore(kv), GitHub(settings.github_url)
    repository = next((each.repository for each in store.pipelines() if str(each.repository) == name), None)
    if repository is None:
        raise NotFound(f"there is no pipeline {name!r}: `pipelines` lists those there are")
    retention = Retention(store, objects, settings.retention_builds)
    problem = Pipelines(settings, store, DeliveryRecords(kv), retention, github, github).delete_anyway(repository)
    print(f"Pipeline {repository} is deleted")
    if problem:
        print(
            f"Its webhook may still be there ({problem}): where the repository still exists, remove it in its settings"
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
