"""Logging in: who GitHub says somebody is gets a JSON Web Token of ours."""

from dataclasses import dataclass, field
from datetime import timedelta

from coordinator.api.auth import issue_login
from coordinator.github_oauth import Device, GitHubOAuth
from coordinator.settings import Settings
from shared.clock import timestamp, utc_now
from shared.errors import Unsupported
from shared.ports import SourceHost


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A token of ours, whose it is, and until when it holds (UTC ISO-8601)."""

    token: str = field(repr=False)
    login: str
    expires_at: str


class Logins:
    """Every call raises Unsupported where the operator has set no OAuth app up, and what GitHubOAuth raises."""

    def __init__(self, settings: Settings, source: SourceHost, oauth: GitHubOAuth | None) -> None:
        self._settings = settings
        self._source = source
        self._oauth = oauth

    @property
    def oauth(self) -> GitHubOAuth:
        """The OAuth app."""
        if self._oauth is None:
            raise Unsupported(
                "this kontinuous has no OAuth app to log in through: its operator sets GITHUB_CLIENT_ID, and "
                "GitHubClientSecret in kontinuous-secrets; or make a token as README describes"
            )
        return self._oauth

    def by_code(self, code: str, redirect_uri: str, code_verifier: str) -> LoggedIn:
        """Log in with the code that GitHub sent a person back with."""
        return self._issue(self.oauth.exchange(code, redirect_uri, code_verifier))

    def begin_device(self) -> Device:
        """Begin a login that a person allows at another device."""
        return self.oauth.begin_device()

    def by_device(self, device_code: str) -> LoggedIn:
        """Log in once the person has allowed it; until then LoginRefused."""
        return self._issue(self.oauth.poll_device(device_code))

    def _issue(self, access_token: str) -> LoggedIn:
        login = self._source.login(access_token)
        expires_at = (utc_now() + timedelta(seconds=self._settings.login_s)).replace(microsecond=0)
        token = issue_login(self._settings.auth_secret, login, access_token, expires_at)
        return LoggedIn(token, login, timestamp(expires_at))
