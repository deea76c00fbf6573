"""What an operator does in a coordinator's pod: `python3 -m coordinator.upkeep`.

The API asks the source host what a caller may do. With a repository that is gone there, nobody may do anything: its
pipeline is the operator's to find and to delete.
"""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from functools import partial

from coordinator.authority import trust_given_authority
from coordinator.delivery_records import DeliveryRecords
from coordinator.github import GitHub
from coordinator.kube import release_secret
from coordinator.kube_api import KubeApi
from coordinator.pipelines import Pipelines
from coordinator.retention import Release, Retention
from coordinator.settings import Settings
from coordinator.settings_reader import read_settings
from coordinator.store import BuildStore
from coordinator.stores import open_stores
from shared.errors import EXIT_SUCCESS, KontinuousError, NotFound
from shared.model import PipelineRecord
from shared.store_ports import KeyValue, ObjectStore

SKIPPED = 1000
"""More builds than a pipeline makes between two backups."""


def main(words: Sequence[str], environment: Mapping[str, str]) -> int:
    """Do what the command line says; returns the exit code."""
    args = _parser().parse_args(words)
    trust_given_authority(os.environ)
    try:
        settings = read_settings(environment)
        kv, objects = open_stores(settings)
        match args.what:
            case "pipelines":
                list_pipelines(kv)
            case "delete-pipeline":
                delete_pipeline(args.name, settings, kv, objects, partial(release_secret, KubeApi()))
            case "skip-numbers":
                BuildStore(kv).skip_numbers(SKIPPED)
                print(f"The next build of each pipeline has a number over {SKIPPED} higher")
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
    commands.add_parser(
        "skip-numbers", help=f"give out none of the next {SKIPPED} numbers of each pipeline, as after a restore of etcd"
    )
    return parser


def list_pipelines(kv: KeyValue) -> None:
    """Print a line for each pipeline: its repository, when it was created, and what is wrong with it."""
    for record in BuildStore(kv).pipelines():
        print("  ".join(filter(None, (str(record.repository), record.created_at, _trouble(record)))))


def _trouble(record: PipelineRecord) -> str:
    return "half deleted: delete it again" if record.removing else record.hook_problem


def delete_pipeline(name: str, settings: Settings, kv: KeyValue, objects: ObjectStore, release: Release) -> None:
    """Delete a pipeline by its repository's name; raises NotFound, and Conflict while a build of it runs.

    `release` removes a Secret that a build has left, by its namespace and name.
    """
    store, github = BuildStore(kv), GitHub(settings.github_url)
    repository = next((each.repository for each in store.pipelines() if str(each.repository) == name), None)
    if repository is None:
        raise NotFound(f"there is no pipeline {name!r}: `pipelines` lists those there are")
    retention = Retention(store, objects, settings.retention_builds, release)
    problem = Pipelines(settings, store, DeliveryRecords(kv), retention, github, github).delete_anyway(repository)
    print(f"Pipeline {repository} is deleted")
    if problem:
        print(
            f"Its webhook may still be there ({problem}): where the repository still exists, remove it in its settings"
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
