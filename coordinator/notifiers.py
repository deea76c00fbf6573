"""The types of notifications that can be sent, and what sends each."""

from collections.abc import Mapping

from coordinator.announcements import Notifier
from coordinator.apprise_service import SERVICES, AppriseService
from coordinator.reach import Reach
from coordinator.slack import Slack
from coordinator.webhook import keep_addresses_out_of_the_log
from shared.stage_types import SLACK


def notifiers(reach: Reach) -> Mapping[str, Notifier]:
    """By the `type` in a pipeline file; `shared.stage_types.NOTIFIERS` says what each one's metadata is."""
    keep_addresses_out_of_the_log()
    return {SLACK: Slack(reach), **{kind: AppriseService(kind, reach) for kind in SERVICES}}
