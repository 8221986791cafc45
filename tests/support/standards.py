"""The controls of the Pod Security Standards: what the tests of all mechanisms make policies of.

So a new control changes no test but its own, and those of the whole catalog.
"""

from revet.core.checks import ALL

STANDARDS = tuple(check for check in ALL if check.level is not None)
