"""Checks of messages, made by hand."""

import json
from typing import Any

from services.data_plane.inspection import Checks, Inspection
from shared.validation import ChannelMessages, MessageSchema, OnInvalid, Validation

CHAT = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {"say": {"type": "string"}},
    "required": ["say"],
}
"""`{"say": "hello"}` is valid."""


def make_schema(schema: Any) -> MessageSchema:
    return MessageSchema(text=json.dumps(schema), parts=1)


def make_validation(publish: OnInvalid, subscribe: OnInvalid = "off", schema: Any = CHAT) -> Validation:
    """Return a validation of one schema, everywhere and both ways."""
    return Validation(
        publish=publish,
        subscribe=subscribe,
        schemas=(make_schema(schema),),
        channels=(ChannelMessages(publish=(0,), subscribe=(0,)),),
    )


def make_checks(publish: OnInvalid, subscribe: OnInvalid = "off", schema: Any = CHAT) -> Checks:
    return Inspection(make_validation(publish, subscribe, schema)).of("")
