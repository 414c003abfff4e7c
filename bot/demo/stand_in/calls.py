"""Records the calls that the bots made, and names the stages of one."""

import enum
from dataclasses import dataclass, field
from typing import Any


class CallStage(enum.StrEnum):
    """The moments of a call at which it can be refused."""

    ARRIVAL = "arrival"
    """The headers are there, the body was not read: only the method is known."""
    BODY = "body"
    """In the middle of a file: the parameters before it are known."""
    CALL = "call"
    """Everything was received, nothing was done."""
    ANSWER = "answer"
    """It was done, the answer was not sent."""


@dataclass(eq=False, slots=True)
class Call:
    """One request as it came in and what became of it.

    `method` is `download` for a file fetched from /file/. `status` is 0 while the call is being answered and after a
    connection was cut. The token appears nowhere.
    """

    method: str
    bot_id: int
    at: float
    """Unix seconds on the server's clock."""
    params: dict[str, Any] = field(default_factory=dict)
    """Parameters as they were sent: text, JSON not decoded."""
    uploaded_bytes: int = 0
    """Bytes of files received, whether or not the call succeeded."""
    downloaded_bytes: int = 0
    status: int = 0
    description: str = ""
    done: bool = False

    @property
    def chat_id(self) -> int | str | None:
        """The chat the call names, as a number where it is one."""
        value = self.params.get("chat_id")
        if isinstance(value, str) and value.lstrip("-").isdigit():
            return int(value)
        return value

    @property
    def ok(self) -> bool:
        """True once it was answered with a result."""
        return self.status == 200
