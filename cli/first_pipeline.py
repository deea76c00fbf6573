"""A first pipeline file for a repository, with the reasons for what is in it."""

from pathlib import PurePosixPath
from typing import Any, NamedTuple

from cli.project import Project, Testing
from shared.errors import InputError

SECRET = "docker-credentials"


class First(NamedTuple):
    """The file's text, and a sentence for each choice."""

    text: str
    reasons: list[str]


def first_pipeline(project: Project, namespace: str, publish: str) -> First:
    """Write it; `publish` is `registry/name`, or "". Raises InputError where there is nothing to do, or to publish."""
    import yaml

    stages, reasons = list[dict[str, Any]](), list[str]()
    for stage, reason in (_build(project), _test(project), _publish(project, publish)):
        stages += [stage] if stage else []
        reasons += [reason] if reason else []
    if not stages:
        raise InputError(
            "there is no Dockerfile, and no tests were found (a Makefile's target `test`, go.mod, Cargo.toml, "
            "package.json, test_*.py): write .pipeline.yml by hand, as docs/pipeline-reference.md says"
        )
    labels = {"app": project.name}
    template = {"metadata": {"name": project.name, "labels": labels}, "stages": stages}
    whole = {
        "apiVersion": "v1alpha1",
        "kind": "Pipeline",
        "metadata": {"name": project.name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": dict(labels)}, "template": template},
    }
    return First("---\n" + yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=100), reasons)


Choice = tuple[dict[str, Any] | None, str]


def _build(project: Project) -> Choice:
    if project.dockerfile is None:
        return None, "no image is built: there is no Dockerfile"
    params = _dockerfile_params(project.dockerfile)
    stage = {"name": "Build Docker Image", "type": "docker_build"} | ({"params": params} if params else {})
    return stage, f"Build Docker Image: there is {project.dockerfile}"


def _dockerfile_params(path: PurePosixPath) -> dict[str, str]:
    folder = {"dockerfile_path": str(path.parent)} if path.parent.parts else {}
    return folder | ({} if path.name == "Dockerfile" else {"dockerfile_name": path.name})


def _test(project: Project) -> Choice:
    testing = project.testing
    if testing is None:
        return None, "no tests are run: none were found"
    built = project.dockerfile is not None and not testing.prefers_image
    params: dict[str, Any] = {"command": testing.command} if built else _in_public_image(testing)
    where = "in the image just built" if built else f"in {testing.image}, in the clone"
    return {"name": "Unit Test", "type": "command", "params": params}, f"Unit Test: {testing.why}; it runs {where}"


def _in_public_image(testing: Testing) -> dict[str, Any]:
    return {"image": testing.image, "command": testing.alone}


def _publish(project: Project, publish: str) -> Choice:
    if not publish:
        return None, ""
    if project.dockerfile is None:
        raise InputError("there is no Dockerfile, so there is no image to publish; leave --publish out")
    registry, _, name = publish.partition("/")
    if not name or not ("." in registry or ":" in registry):
        raise InputError(f"{publish!r} is not REGISTRY/NAME, such as quay.io/acme/shop")
    params = {
        "external_registry": registry,
        "external_image_name": name,
        "require_credentials": "TRUE",
        "username": "username",
        "password": "password",
    }
    reason = f"Publish: to {publish}; `username` and `password` are keys of the Secret {SECRET!r}, which you make"
    return {"name": "Publish", "type": "docker_publish", "params": params, "secrets": [SECRET]}, reason
