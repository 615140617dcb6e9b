"""The screens of the demo that show commands: what is wrong, and what happened."""

from __future__ import annotations

from services.console.demo.answers import Answers
from services.console.demo.page import Page
from services.console.demo.scenario import AL2023, MEMBER_REGION
from services.console.demo.screens import Screens


class CommandScreens:
    """Shows `status` before the last round, and `status`, `history` and `rollout` after it."""

    def __init__(self, page: Page, screens: Screens, answers: Answers) -> None:
        self._page = page
        self._screens = screens
        self._answers = answers

    def what_is_wrong(self) -> None:
        """The screen before the last round."""
        self._screens.begin("ami-tracker status: what is wrong, and what to do")
        self._page.say(
            "The commands of ami-tracker read the table. status shows one entry for each cause: "
            f"the first is {MEMBER_REGION}, the second the image that EC2 does not show yet."
        )
        self._answers.status()

    def what_happened(self) -> None:
        """The screen after the last round."""
        self._screens.begin("ami-tracker status, history, rollout: after the fourth round")
        self._page.say("The role exists and the image is visible, so both causes are gone:")
        self._answers.status()
        self._page.say(
            f"history shows when {AL2023} changed in a region. The event of version 2 was "
            "announced, the baseline was not:"
        )
        self._answers.history(AL2023, "us-east-1")
        self._page.say(
            "rollout shows which regions have a release, and how long after the first region they "
            f"got it. It compares the release key. {MEMBER_REGION} has no duration, since its "
            "first lookup found the release already:"
        )
        self._answers.rollout(AL2023, last=1)
