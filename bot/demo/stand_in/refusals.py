"""Refuses calls with the Bot API's own words."""

import json

from aiohttp import web

from bot.demo.stand_in.state import Json


class RefusalError(Exception):
    """An answer with `ok: false`: its status, its description and what goes under `parameters`."""

    def __init__(self, status: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.parameters = parameters

    def as_json(self) -> Json:
        """The body of the answer."""
        body: Json = {"ok": False, "error_code": self.status, "description": self.description}
        return {**body, "parameters": self.parameters} if self.parameters else body

    def response(self, _request: web.Request) -> web.StreamResponse:
        """What goes over the line."""
        wait = self.parameters.get("retry_after")
        headers = {} if wait is None else {"Retry-After": str(wait)}
        body = json.dumps(self.as_json())
        return web.Response(status=self.status, text=body, content_type="application/json", headers=headers)


def bad_request(text: str) -> RefusalError:
    """400, with the prefix the server puts before every such text."""
    return RefusalError(400, f"Bad Request: {text}")


def forbidden(text: str) -> RefusalError:
    """403, with the prefix the server puts before every such text."""
    return RefusalError(403, f"Forbidden: {text}")


def flood(retry_after: int) -> RefusalError:
    """429; the answer carries the seconds in the header as well."""
    return RefusalError(429, f"Too Many Requests: retry after {retry_after}", retry_after=retry_after)


def upgraded(new_chat_id: int) -> RefusalError:
    """400 that names the supergroup a group has become."""
    return RefusalError(
        400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=new_chat_id
    )


def conflict(text: str) -> RefusalError:
    """409, with the prefix the server puts before every such text."""
    return RefusalError(409, f"Conflict: {text}")
