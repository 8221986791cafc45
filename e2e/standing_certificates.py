"""The webhook's Secrets, made as of another time by the operator's own functions, and put in place.

Certificates tell their own times, so what was made in the past is as old as if it had been kept:
no clock has to be moved.
"""

import base64
import json
import socket
import ssl
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from e2e.api import Api, wait_for
from e2e.release import NAMESPACE, Release
from revet.operator.certificates import KeyPair, Trust, renew_serving, renew_trust
from revet.operator.credentials import CA_SECRET, TLS_SECRET

HOST: Final = "127.0.0.1"
_KINDS: Final = ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")
_PATH: Final = "/apis/admissionregistration.k8s.io/v1"


def make(authority_made: datetime, serving_made: datetime) -> tuple[Trust, KeyPair]:
    """Make both as the operator would have at these times."""
    trust = renew_trust(None, b"", authority_made)
    return trust, renew_serving(None, trust, [HOST], serving_made, bundle_stands=True)


def put(release: Release, trust: Trust, serving: KeyPair) -> None:
    """Put them in place of what there is: in the Secrets, the webhook's files, and the entries."""
    release.plane.apply(
        [_secret(CA_SECRET, trust.authority, trust), _secret(TLS_SECRET, serving, trust)]
    )
    for kind in _KINDS:
        release.plane.kubectl("replace", "--filename=-", input=_with_bundle(release, kind, trust))
    wait_for(lambda: release.webhook.certificate.read_bytes() == serving.certificate, "mounted")


def bundles(api: Api) -> list[bytes]:
    """Read the bundles that the entries carry: two while one configuration is written already."""
    carried = [
        each["clientConfig"]["caBundle"]
        for kind in _KINDS
        for each in api.send("GET", f"{_PATH}/{kind}/revet").body["webhooks"]
    ]
    return [base64.b64decode(each) for each in dict.fromkeys(carried)]


def shake_hands(release: Release, trusted: bytes) -> str:
    """Connect as an API server that trusts this bundle; return the certificate that is shown."""
    tls = ssl.create_default_context(cadata=trusted.decode())
    address = (HOST, release.webhook.port)
    with (
        socket.create_connection(address, timeout=5) as plain,
        tls.wrap_socket(plain, server_hostname=HOST) as wrapped,
    ):
        shown = wrapped.getpeercert(binary_form=True)
    return ssl.DER_cert_to_PEM_cert(shown or b"")


def _secret(name: str, pair: KeyPair, trust: Trust) -> Mapping[str, Any]:
    data = {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": trust.bundle}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "type": "kubernetes.io/tls",
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }


def _with_bundle(release: Release, kind: str, trust: Trust) -> str:
    found = json.loads(release.plane.kubectl("get", kind, "revet", "--output=json").stdout)
    for each in found["webhooks"]:
        each["clientConfig"]["caBundle"] = base64.b64encode(trust.bundle).decode()
    return json.dumps(found)
