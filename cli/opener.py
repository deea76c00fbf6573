"""How the API's client opens a connection: to this very machine past a proxy, and to no other address than asked.

urllib by itself follows a redirect with the token to any host, and makes a GET without a body of a POST.
"""

from http.client import HTTPMessage
from typing import IO, NoReturn
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from shared.errors import InputError
from shared.terminal_text import clean

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def make_opener(url: str) -> OpenerDirector:
    """An opener for `url` that keeps the user's proxy settings, except for this very machine.

    It raises InputError where the answer is a redirect.
    """
    proxies = (ProxyHandler({}),) if urlsplit(url).hostname in LOOPBACK else ()
    return build_opener(*proxies, _NoRedirect(url))


class _NoRedirect(HTTPRedirectHandler):
    def __init__(self, url: str) -> None:
        self._url = url

    def redirect_request(
        self, req: Request, fp: IO[bytes], _code: int, _msg: str, _headers: HTTPMessage, newurl: str
    ) -> NoReturn:
        fp.close()
        there = clean(newurl.removesuffix(req.full_url.removeprefix(self._url)))
        raise InputError(
            f"{self._url} answers with a redirect to {there}; if kontinuous is there, `kontinuous login {there}`"
        )
