"""CertificateSigningRequests as the checks read them, and the groups that one asks for.

https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/
"""

import binascii
import re
from base64 import b64decode
from typing import Final

from revet.core.model.wire import Wire

_REFUSED: Final = frozenset({"Denied", "Failed"})
_PEM: Final = re.compile(
    rb"-----BEGIN CERTIFICATE REQUEST-----(.+?)-----END CERTIFICATE REQUEST-----", re.DOTALL
)
#: DER of the attribute type organizationName (2.5.4.10), which Kubernetes takes for groups, with
#: a string of less than 128 bytes: its tag (UTF8String, PrintableString, ...), its length, itself.
_ORGANIZATION: Final = re.compile(rb"\x06\x03\x55\x04\x0a[\x0c\x13\x14\x16\x1a\x1e]([\x00-\x7f])")


class SigningRequestCondition(Wire, frozen=True, gc=False):
    """What was decided about it."""

    type: str = ""


class SigningRequestStatus(Wire, frozen=True, gc=False):
    """How far it has come."""

    conditions: tuple[SigningRequestCondition, ...] | None = None


class SigningRequestSpec(Wire, frozen=True, gc=False):
    """What is asked for: `request` is base64 of PEM of PKCS #10."""

    request: str = ""


class SigningRequest(Wire, frozen=True, gc=False):
    """A CertificateSigningRequest."""

    spec: SigningRequestSpec = SigningRequestSpec()
    status: SigningRequestStatus | None = None

    @property
    def is_refused(self) -> bool:
        """Whether no certificate comes of it."""
        conditions = (self.status.conditions or ()) if self.status is not None else ()
        return any(each.type in _REFUSED for each in conditions)

    @property
    def groups(self) -> frozenset[str]:
        """The groups that the certificate is to be of; none where the API server would refuse it.

        It reads what it takes, so what can't be read never comes to stand in a cluster.
        """
        try:
            found = _PEM.search(b64decode(self.spec.request))
            der = b64decode(found[1]) if found else b""
        except (binascii.Error, ValueError):
            return frozenset()
        return frozenset(
            der[each.end() : each.end() + each[1][0]].decode("utf-8", "replace")
            for each in _ORGANIZATION.finditer(der)
        )
