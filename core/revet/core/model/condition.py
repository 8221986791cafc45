"""A condition as metav1.Condition: apart, because more than one kind's status holds conditions."""

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from revet.core.model.schema import Model


class Truth(StrEnum):
    """What is known of a condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Model, extra="ignore"):
    """One thing that was observed of the object."""

    type: Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[A-Z][A-Za-z]*$")]
    """Which condition this is, such as Accepted or Enforcing."""
    status: Truth
    """True, False or Unknown. What could not be checked is Unknown."""
    observed_generation: Annotated[int, Field(ge=0)] = 0
    """The metadata.generation that this was observed of."""
    last_transition_time: AwareDatetime
    """When the status last changed."""
    reason: Annotated[
        str,
        Field(min_length=1, max_length=1024, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"),
    ]
    """Why, in one CamelCase word for programs."""
    message: Annotated[str, Field(max_length=32768)]
    """Why, in a sentence for people."""
