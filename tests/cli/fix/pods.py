"""A pod that the restricted profile mends, what is added to it, and the command that does."""

from typing import Final

from typer.testing import CliRunner

from revet.cli.main import app

POD: Final = """\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: app
    image: registry.example.com/app:1.0
"""
MENDED: Final = """\
    securityContext:
      allowPrivilegeEscalation: false
  securityContext:
    seccompProfile:
      type: RuntimeDefault
"""


def run_check(*args: str, stdin: str | None = None) -> tuple[int, str, str]:
    """Run `revet check`; return its exit code and what it printed, on both outputs."""
    result = CliRunner().invoke(app, ["check", *args], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr
