from pydantic import BaseModel, ConfigDict


class Contract(BaseModel):
    """A value that crosses from the control plane to the pods."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)  # an input may be secret
