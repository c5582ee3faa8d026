"""A command that a client sent, and the way to answer it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol as TypingProtocol

from services.live import protocol
from services.live.protocol import Code

logger = logging.getLogger(__name__)


class Reply(TypingProtocol):
    """Answers a command, once."""

    def accept(self, message: str = "") -> None:
        """Answer that it is obeyed, and that whatever it made durable is on disk."""

    def refuse(self, message: str, code: Code) -> None:
        """Answer that it is refused; `message` tells the operator why and what to do."""


class NoReply:
    """For commands that no client waits for."""

    def accept(self, message: str = "") -> None:
        """Do nothing."""

    def refuse(self, message: str, code: Code) -> None:
        """Log why."""
        logger.warning("refused: %s", message)


@dataclass(frozen=True)
class Received:
    """A command for the session, and the callback that answers it."""

    command: protocol.Command
    answer: Callable[[Code, str], None]

    def accept(self, message: str = "") -> None:
        """Answer that it is obeyed; `message` tells the operator of any further effect."""
        self.answer(Code.OK, message)

    def refuse(self, message: str, code: Code) -> None:
        """Answer that it is refused; `message` tells the operator why and what to do."""
        self.answer(code, message)
