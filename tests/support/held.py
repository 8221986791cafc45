"""An image that is held, as a policy's status lists it."""

from datetime import UTC, datetime
from typing import Final

from revet.core.model.policy_runtime import Severity
from revet.core.model.policy_status import HeldImage

HELD: Final = HeldImage(
    digest=f"sha256:{'a' * 64}",
    image="registry.example/app",
    severity=Severity.CRITICAL,
    because="falco 'Terminal shell', critical",
    workload="shop/Deployment/web",
    since=datetime(2026, 11, 22, 12, tzinfo=UTC),
)
