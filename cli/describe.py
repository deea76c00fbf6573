"""`kontinuous describe`: all about a pipeline, a build or a stage, for people; whole as JSON or YAML."""

import sys
from argparse import Namespace

from cli import service
from cli.build_facts import build_facts
from cli.build_name import build_name, find_stage
from cli.client import Client
from cli.facts import facts
from cli.output import show
from cli.program import LocalProgram
from cli.records import BuildName
from cli.screen import Screen
from cli.stage_facts import stage_facts
from cli.summary import build_table, no_webhook
from cli.table import moment
from shared.errors import EXIT_SUCCESS, InputError

NEWEST = 5


def execute(args: Namespace, program: LocalProgram) -> int:
    """Describe what was named."""
    if (args.what == "stage") != (args.stage is not None):
        raise InputError(
            "`describe stage` wants a BUILD and a STAGE; `describe pipeline` and `describe build` one name"
        )
    with service.chosen(program, Screen(sys.stderr)) as opened:
        match args.what:
            case "pipeline":
                _pipeline(args, opened.client)
            case "build":
                build = opened.client.build(build_name(args.name, program))
                show(build, args.output, lambda: build_facts(build))
            case "stage":
                _stage(args, opened.client, build_name(args.name, program))
            case _:
                raise InputError(f"there is no description of {args.what}")
    return EXIT_SUCCESS


def _pipeline(args: Namespace, client: Client) -> None:
    record = client.pipeline(args.name)
    builds = client.builds(args.name, NEWEST)
    named = [("Pipeline", record["repository"]), ("Created", f"{moment(record['created_at'])} UTC")]
    head = facts([*named, *([("Webhook", no_webhook(record))] if record["webhook_problem"] else [])])
    lines = [*head, "", *build_table(builds)] if builds else [*head, "", "Nothing was built yet."]
    show({**record, "builds": builds}, args.output, lambda: lines)


def _stage(args: Namespace, client: Client, name: BuildName) -> None:
    found = find_stage(client.build(name)["stages"], args.stage)
    stage = client.stage(name, found["id"])
    show(stage, args.output, lambda: stage_facts(name, stage))
