"""`kontinuous get`: list builds, pipelines, the stages of a build, or repositories; or show one of them in a row."""

import sys
from argparse import Namespace

from cli import service
from cli.build_name import build_name, current_repository
from cli.client import Client
from cli.output import show
from cli.program import LocalProgram
from cli.screen import Screen
from cli.summary import build_table, stage_table
from cli.table import moment, table
from shared.api_records import Build, PipelineRecord, VisibleRepository
from shared.errors import EXIT_SUCCESS, InputError, NotFound

REPOSITORY_HEADINGS = ("REPOSITORY", "BRANCH", "PERMISSION", "PRIVATE", "PIPELINE")


def execute(args: Namespace, program: LocalProgram) -> int:
    """List what was asked for, newest first."""
    if args.what == "stages" and args.name is None:
        raise InputError("`get stages` wants a BUILD: a number, or REPOSITORY/NUMBER")
    with service.chosen(program, Screen(sys.stderr)) as opened:
        match args.what:
            case "builds":
                _show_builds(args, opened.client, program)
            case "pipelines":
                _show_pipelines(args, opened.client)
            case "stages":
                build = opened.client.build(build_name(args.name, program))
                show(build["stages"], args.output, lambda: stage_table(build))
            case "repos":
                _show_repositories(args, opened.client)
            case _:
                raise InputError(f"there is no list of {args.what}")
    return EXIT_SUCCESS


def _show_builds(args: Namespace, client: Client, program: LocalProgram) -> None:
    if args.name:
        build = client.build(build_name(args.name, program))
        show(build, args.output, lambda: build_table([build]))
        return
    builds = _builds(client, _repository(args, program), args.limit)
    show(builds, args.output, lambda: build_table(builds))


def _show_pipelines(args: Namespace, client: Client) -> None:
    pipelines = [client.pipeline(args.name)] if args.name else client.pipelines()
    show(pipelines[0] if args.name else pipelines, args.output, lambda: _pipeline_table(pipelines))


def _show_repositories(args: Namespace, client: Client) -> None:
    found = [each for each in client.repositories() if args.name in (None, each["repository"], each["full_name"])]
    if args.name and not found:
        raise NotFound(f"there is no repository {args.name} that you can see; `kontinuous get repos` lists them")
    show(found[0] if args.name else found, args.output, lambda: table(REPOSITORY_HEADINGS, map(_repository_row, found)))


def _repository(args: Namespace, program: LocalProgram) -> str:
    """The repository to list builds of: the one asked for, else the current folder's, else "" for all."""
    if args.pipeline:
        return str(args.pipeline)
    try:
        return current_repository(program)
    except InputError:
        return ""


def _builds(client: Client, repository: str, limit: int) -> list[Build]:
    if repository:
        try:
            return client.builds(repository, limit)
        except NotFound:
            return []  # nothing was ever built from it
    every = [build for pipeline in client.pipelines() for build in client.builds(pipeline["repository"], limit)]
    return sorted(every, key=lambda build: build["created_at"], reverse=True)[:limit]


def _pipeline_table(pipelines: list[PipelineRecord]) -> list[str]:
    return table(("PIPELINE", "CREATED (UTC)"), ((p["repository"], moment(p["created_at"])) for p in pipelines))


def _repository_row(each: VisibleRepository) -> tuple[str, ...]:
    flags = ("yes" if each[key] else "no" for key in ("private", "pipeline"))
    return each["repository"], each["default_branch"], each["permission"], *flags
