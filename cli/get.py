"""`kontinuous get`: list builds, pipelines, the stages of a build, or repositories; or show one of them in a row."""

import sys
from argparse import Namespace

from cli import service
from cli.build_name import build_name, current_repository
from cli.client import Client
from cli.output import show
from cli.program import LocalProgram
from cli.records import BuildName
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
    if args.pipeline and args.what not in ("builds", "stages"):
        raise InputError(f"--pipeline is for `get builds` and `get stages`, not for `get {args.what}`")
    with service.chosen(program, Screen(sys.stderr)) as opened:
        match args.what:
            case "builds":
                _show_builds(args, opened.client, program)
            case "pipelines":
                _show_pipelines(args, opened.client)
            case "stages":
                build = opened.client.build(_build_name(args, program))
                show(build["stages"], args.output, lambda: stage_table(build))
            case "repos":
                _show_repositories(args, opened.client)
            case _:
                raise InputError(f"there is no list of {args.what}")
    return EXIT_SUCCESS


def _show_builds(args: Namespace, client: Client, program: LocalProgram) -> None:
    if args.name:
        build = client.build(_build_name(args, program))
        show(build, args.output, lambda: build_table([build]))
        return
    builds = client.builds(args.pipeline, args.limit) if args.pipeline else _builds(client, program, args.limit)
    show(builds, args.output, lambda: build_table(builds))


def _build_name(args: Namespace, program: LocalProgram) -> BuildName:
    """The build that was named, by its number among those of --pipeline; raises InputError where it is not of that."""
    if not args.pipeline:
        return build_name(args.name, program)
    name = build_name(args.name if "/" in args.name else f"{args.pipeline}/{args.name}", program)
    if name.repository.lower() != args.pipeline.lower():
        raise InputError(f"build {name} is none of {args.pipeline}")
    return name


def _show_pipelines(args: Namespace, client: Client) -> None:
    pipelines = [client.pipeline(args.name)] if args.name else client.pipelines()
    show(pipelines[0] if args.name else pipelines, args.output, lambda: _pipeline_table(pipelines))


def _show_repositories(args: Namespace, client: Client) -> None:
    found = [each for each in client.repositories() if args.name in (None, each["repository"], each["full_name"])]
    if args.name and not found:
        raise NotFound(f"there is no repository {args.name} that you can see; `kontinuous get repos` lists them")
    show(found[0] if args.name else found, args.output, lambda: table(REPOSITORY_HEADINGS, map(_repository_row, found)))


def _builds(client: Client, program: LocalProgram, limit: int) -> list[Build]:
    """The newest builds of the current folder's repository, where it is one, else of all pipelines."""
    try:
        repository = current_repository(program)
    except InputError:
        return _all_builds(client, limit)
    try:
        return client.builds(repository, limit)
    except NotFound:
        return []  # nothing was ever built from it


def _all_builds(client: Client, limit: int) -> list[Build]:
    every = [build for pipeline in client.pipelines() for build in client.builds(pipeline["repository"], limit)]
    return sorted(every, key=lambda build: build["created_at"], reverse=True)[:limit]


def _pipeline_table(pipelines: list[PipelineRecord]) -> list[str]:
    return table(("PIPELINE", "CREATED (UTC)"), ((p["repository"], moment(p["created_at"])) for p in pipelines))


def _repository_row(each: VisibleRepository) -> tuple[str, ...]:
    flags = ("yes" if each[key] else "no" for key in ("private", "pipeline"))
    return each["repository"], each["default_branch"], each["permission"], *flags
