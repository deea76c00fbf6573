"""What `kontinuous login` saves: where kontinuous is, and who we are there; in a file for the user alone.

The file is YAML: `url`, and `token`, or `auth_secret` and `github_token` of which a token is made each time.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from shared.errors import InputError

CONFIG = "KONTINUOUS_CONFIG"
XDG_CONFIG_HOME = "XDG_CONFIG_HOME"
MODE = 0o600


class Config(NamedTuple):
    """The values of the file; "" for what is not in it."""

    url: str = ""
    token: str = ""
    auth_secret: str = ""
    github_token: str = ""

    def __repr__(self) -> str:
        return f"Config(url={self.url!r}, …)"  # the rest is secret


def config_file(environment: Mapping[str, str]) -> Path:
    """KONTINUOUS_CONFIG, or `kontinuous/config.yml` in XDG_CONFIG_HOME or `~/.config`."""
    if named := environment.get(CONFIG):
        return Path(named).expanduser()
    return Path(environment.get(XDG_CONFIG_HOME) or "~/.config").expanduser() / "kontinuous/config.yml"


def read_config(environment: Mapping[str, str]) -> Config:
    """The saved values, none where there is no file; raises InputError where it is none of ours."""
    path = config_file(environment)
    try:
        text = path.read_text()
    except FileNotFoundError:
        return Config()
    except (OSError, UnicodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    import yaml

    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not YAML; `kontinuous login URL` writes it anew") from error
    return Config(**_checked(values or {}, path))


def write_config(config: Config, environment: Mapping[str, str]) -> Path:
    """Save the values, readable for the user alone; whoever reads meanwhile gets the old file or the new one."""
    import yaml

    path = config_file(environment).resolve()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = yaml.safe_dump({name: value for name, value in config._asdict().items() if value}, sort_keys=False)
    handle, written = tempfile.mkstemp(dir=path.parent, prefix=".config-")  # it has mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(written).replace(path)
    except BaseException:
        Path(written).unlink(missing_ok=True)
        raise
    return path


def _checked(values: object, path: Path) -> dict[str, str]:
    if not isinstance(values, dict):
        raise InputError(f"{path} does not hold a map; `kontinuous login URL` writes it anew")
    for name, value in values.items():
        if name not in Config._fields or not isinstance(value, str):
            raise InputError(f"{path}: {name!r} is not a text among {', '.join(Config._fields)}")
    return values
