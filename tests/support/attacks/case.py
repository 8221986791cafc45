"""What an attack is: a coroutine that does it, under the id of its row."""

from collections.abc import Awaitable, Callable

from tests.support.attacks.stage import Stage, Told

Case = Callable[[Stage], Awaitable[Told]]
CASES: dict[str, Case] = {}


def case(name: str) -> Callable[[Case], Case]:
    """Register an attack."""

    def register(run: Case) -> Case:
        if name in CASES:
            raise ValueError(f"attack {name} is there twice")
        CASES[name] = run
        return run

    return register
