"""`kontinuous login`: say which kontinuous to talk to, and as whom; checked there before it is saved.

Where the service offers it, GitHub itself is asked, with a code that a person enters there. Else the token is made
here, of AuthSecret and a GitHub token, or is one that somebody else has made.
"""

import os
import sys
from argparse import Namespace

from cli.asking import ask, ask_secret, read_secret
from cli.client import Client
from cli.config import Config, read_config, write_config
from cli.device_login import device_login
from cli.program import LocalProgram
from cli.remote import AUTH_SECRET, GITHUB_TOKEN, LOCAL, URL, check_url, checked_token, mint, named
from cli.screen import Screen
from shared.errors import EXIT_SUCCESS, InputError


def execute(args: Namespace, _program: LocalProgram) -> int:
    """Ask for what is missing, check it, save it, and say who one is."""
    url = _url(args.url)
    config = _config(args, url)
    token = checked_token(config.token) if config.token else mint(config.auth_secret, config.github_token)
    user = Client(url, token).user()
    path = write_config(config, os.environ)
    print(f"You are {user or 'known'} at {url}; saved in {path}")
    if URL in os.environ and named(os.environ, URL).rstrip("/") != url:
        print(f"kontinuous: {URL} is set in your environment, and goes before it", file=sys.stderr)
    return EXIT_SUCCESS


def _url(given: str | None) -> str:
    variable = named(os.environ, URL)
    url = (given or "").strip() or (variable if variable != LOCAL else "") or read_config(os.environ).url
    if not url and sys.stdin.isatty():
        url = ask("The address of kontinuous, such as https://kontinuous.example.com: ")
    if not url:
        raise InputError("say where kontinuous is: kontinuous login URL")
    check_url(url)
    return url.rstrip("/")


def _config(args: Namespace, url: str) -> Config:
    if args.token_stdin:
        return Config(url, token=read_secret("a token of the API"))
    if args.github_token_stdin:
        access_token = read_secret("a GitHub token")
        return Config(url, auth_secret=_auth_secret(), github_token=access_token)
    if args.with_secret or AUTH_SECRET in os.environ:
        secret = _auth_secret()
        access_token = named(os.environ, GITHUB_TOKEN) or ask_secret("GitHub token")
        return Config(url, auth_secret=secret, github_token=access_token)
    if token := device_login(Client(url, ""), Screen(sys.stderr)):
        return Config(url, token=token)
    return _asked(url)


def _auth_secret() -> str:
    return named(os.environ, AUTH_SECRET) or ask_secret(f"AuthSecret of kontinuous (or set {AUTH_SECRET})")


def _asked(url: str) -> Config:
    """This service offers no login through GitHub: what a person has decides how to go on."""
    if not sys.stdin.isatty():
        raise InputError(f"{url} offers no login through GitHub; give --token-stdin or --github-token-stdin")
    if ask("Do you have [s] AuthSecret and a GitHub token, or [t] a token of the API? [s] ").lower() in ("t", "token"):
        return Config(url, token=ask_secret("Token of the API"))
    return Config(url, auth_secret=_auth_secret(), github_token=ask_secret("GitHub token"))
