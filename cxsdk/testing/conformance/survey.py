"""What a survey provider owes besides: a link for each invitation, which brings its token back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from cxsdk.capabilities import Inbound
from cxsdk.domain.survey import Invitation, Response
from cxsdk.testing.conformance.base import kind
from cxsdk.testing.conformance.rig import Attempt, Rig
from cxsdk.testing.conformance.settings import PluginConformance
from cxsdk.testing.conformance.webhook import WebhookConformance
from cxsdk.testing.context import NOW


class SurveyProviderConformance(PluginConformance, WebhookConformance):
    """All tests of a survey provider plugin."""

    #: A survey that the sample plugin's settings know.
    survey: str = "loyalty"

    @kind("a link of its own for each invitation")
    def test_each_invitation_has_a_link_of_its_own(self) -> None:
        """A whole URL that a browser opens, another for each invitation, the same when asked again."""
        with self.running() as rig:
            links = [self._link(rig, token, language) for token in ("tok-1", "tok_2") for language in ("en", "uk")]
            for link in links:
                parts = urlsplit(link)
                self.demand(
                    parts.scheme in ("http", "https") and parts.hostname and link.isascii() and " " not in link,
                    f"{link!r} is no URL that every browser and mail program opens: give it whole, and quoted.",
                )
            self.demand(
                links[0] != links[2], "Two invitations have the same link: put invitation.token into it.", links[0]
            )
            self.demand(
                self._link(rig, "tok-1", "en") == links[0], "The same invitation has another link when asked again."
            )

    @kind("the token comes back")
    def test_the_answer_brings_the_token_back(self) -> None:
        """Whoever answers over the link of an invitation answers that invitation."""
        if not isinstance(self.bare(), Inbound):
            self.skip("The plugin is not Inbound: no answer comes in.")
        with self.running() as rig:
            for token in ("tok-1", "Tok_2"):
                told = self.promised(rig.provider.respond, self._link(rig, token, "en"))
                answers = [fact for fact in self.understood(rig, self.record(rig, told)) if isinstance(fact, Response)]
                self.demand(
                    [answer.invitation for answer in answers] == [token] and answers[0].answers,
                    f"The link of the invitation {token!r} was answered: parse must give "
                    f"Response(invitation={token!r}, "
                    "answers={...}).",
                    answers,
                )

    def exercise(self, rig: Rig) -> Iterator[tuple[str, Attempt]]:
        """One link."""
        yield "link", rig.of("link", lambda: [self._link(rig, "tok-1", "en")])

    def _link(self, rig: Rig, token: str, language: str) -> Any:
        expires = NOW + timedelta(days=7)
        invitation = Invitation(
            key=f"k-{token}", token=token, survey=self.survey, language=language, expires_at=expires
        )
        [link] = self.asked("link", lambda: [rig.plugin.link(invitation)])
        return link
