"""The page behind a link to a build, for a person in a browser, who has no token there: how to read that build.

It is the same whether there is such a build or not: nothing is read, and so nothing is disclosed.
"""

from html import escape

import bottle

from coordinator.api.errors import JsonBottle

_PART = "[A-Za-z0-9_.-]{1,100}"
_HOST, _NUMBER = "[A-Za-z0-9][A-Za-z0-9.-]{0,252}(?::[0-9]{1,5})?", r"[1-9][0-9]{0,7}\Z"
PAGE = f"/builds/<host:re:{_HOST}>/<owner:re:{_PART}>/<name:re:{_PART}>/<number:re:{_NUMBER}>"
"""Only what can be a build's name: somebody may copy the commands into a shell."""
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_HTML = """\
<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="UTF-8">
    <title>Build {number} of {repository}</title>
  </head>
  <body>
    <h1>Build {number} of {repository}</h1>
    <p>Whoever may read the repository may read the build, with the command line of kontinuous:</p>
    <pre>kontinuous login {url}
kontinuous describe build {repository}/{number}
kontinuous logs {repository}/{number}</pre>
    <p>Or with a token, through <a href="/apidocs">the API</a>.</p>
  </body>
</html>
"""


def add_routes(app: JsonBottle, kontinuous_url: str) -> None:
    """Add the route."""

    @app.get(PAGE, public=True, hidden=True)
    def show_build(host: str, owner: str, name: str, number: str) -> str:
        bottle.response.set_header("Content-Security-Policy", _POLICY)
        bottle.response.set_header("X-Content-Type-Options", "nosniff")
        return _HTML.format(
            repository=escape(f"{host}/{owner}/{name}"), number=escape(number), url=escape(kontinuous_url)
        )
