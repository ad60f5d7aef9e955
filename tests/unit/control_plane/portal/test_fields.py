import pytest
from pydantic import BaseModel

from services.control_plane.kit.problems import ConflictError, FieldError, InvalidError
from services.control_plane.portal.fields import MAX_FIELDS, Fields, Mistakes, build


class Body(BaseModel):
    amount: int
    urls: list[str] = []


def test_fields_are_read_by_kind() -> None:
    fields = Fields.read(
        b"name=+Echo+&tags=a%2C+b%0D%0Ac&urls=ws%3A%2F%2Fa%0D%0A%0D%0Aws%3A%2F%2Fb&role=x&role=y&empty="
    )
    assert fields.text("name") == "Echo"
    assert fields.words("tags") == ["a", "b", "c"]
    assert fields.lines("urls") == ["ws://a", "ws://b"]
    assert fields.all("role") == ["x", "y"]
    assert (fields.number("empty"), fields.number("missing"), fields.on("name")) == (None, None, True)
    assert not fields.on("empty")


@pytest.mark.parametrize("body", [b"a=%ff", b"\xff", b"&".join([b"a=1"] * (MAX_FIELDS + 1))])
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidError):
        Fields.read(body)


def test_mistakes_stand_at_their_field_or_its_parts() -> None:
    mistakes = Mistakes.of(
        InvalidError(errors=[FieldError("urls.0", "must be a URL"), FieldError("urls.1", "must be a URL")])
    )
    assert mistakes
    assert mistakes.at("urls") == "must be a URL"
    assert mistakes.at("url") == ""
    assert not Mistakes()


def test_a_refusal_of_no_field_has_its_words() -> None:
    mistakes = Mistakes.of(ConflictError("There is one already."))
    assert (mistakes.detail, list(mistakes)) == ("There is one already.", [])


def test_the_model_s_own_messages_are_used() -> None:
    with pytest.raises(InvalidError) as caught:
        build(Body, {"amount": "many"})
    assert "integer" in Mistakes.of(caught.value).at("amount")
