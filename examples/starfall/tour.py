"""Invites the player to try the plugin, one thing after another, and says what has just been seen."""

from __future__ import annotations

from .sessions import Answer, Session, Status

COME_BACK, STAY_AWAY, CUT, KILL = range(4)
SAID_SECONDS = 6.0


class Tour:
    def __init__(self, step: int) -> None:
        self.step = step
        self._said = ""
        self._said_for = 0.0
        self._away: str | None = None
        self._queued = False
        self._seen = 0

    def update(
        self,
        seconds: float,
        session: Session | None,
        status: Status,
        delivered: list[tuple[Session, Answer]],
        network: bool,
    ) -> None:
        self._said_for -= seconds
        if session and session.state == "away":
            self._away = session.id
        elif self._away and session:
            if session.id == self._away and self.step == COME_BACK:
                self._pass(f"Still session {session.number}: you came back in time, the saved end was withdrawn.")
            self._away = None
        for ended, answer in delivered[self._seen :]:
            self._answered(ended, answer)
        self._seen = len(delivered)
        if self.step == CUT:
            if not network and status.ready:
                self._queued = True
            elif network and self._queued and not status.ready:
                self._pass("The network is back and the queue is empty: delivered, each session once.")

    def _answered(self, ended: Session, answer: Answer) -> None:
        if self.step <= STAY_AWAY and ended.reason == "background":
            self.step = STAY_AWAY
            length = "" if answer.session_duration is None else f": {answer.session_duration / 1000:.1f} s"
            self._pass(f"Session {ended.number} ended at the moment you left{length}. The server has it.")
        elif self.step == KILL and ended.reason == "abnormal":
            self._pass(f"Session {ended.number} survived the kill: ended at its last heartbeat, and delivered.")

    def _pass(self, said: str) -> None:
        self.step += 1
        self._said, self._said_for = said, SAID_SECONDS

    def line(self, status: Status, network: bool) -> tuple[str, bool] | None:
        """What to show, and whether it is praise; None when there is nothing left to try."""
        if self._said_for > 0:
            return self._said, True
        if self.step == COME_BACK:
            return "alt-tab away now, and come back within 5 s", False
        if self.step == STAY_AWAY:
            return "alt-tab away again, and stay away longer than 5 s", False
        if self.step == CUT:
            if network:
                waiting = "the network is back: the queue empties by itself"
                return waiting if self._queued else "cut the network (N), then stay away longer than 5 s again", False
            if status.ready:
                return f"{status.ready} on disk, nothing lost: give the network back (N)", False
            return "the network is cut: stay away longer than 5 s", False
        if self.step == KILL:
            return "kill the game in the middle of a play (K), then start it again", False
        return None
