"""`spec.images` as it is read: with everything but `verify`, and with that alone."""

from revet.core.model.policy_images import (
    Digest,
    Images,
    OnUnknown,
    RegistryHost,
    Verification,
)
from revet.core.model.policy_references import ConfigMapSource, KeyRef, ObjectRef
from revet.core.model.policy_signers import Authority, Key

IMAGES = Images(
    registries=("registry.example.com/", "registry.example.com:5000/team/"),
    hosts=(
        RegistryHost(
            host="registry.example.com:5000",
            ca_ref=ConfigMapSource(config_map_ref=KeyRef(name="ca", key="ca.crt")),
            mirrors=("mirror.example.com",),
            pull_secret_ref=ObjectRef(name="registry"),
        ),
    ),
    use_pod_pull_secrets=True,
    digest=Digest.PIN,
    on_unknown=OnUnknown.WARN,
)
SIGNED = Images(
    verify=(
        Verification(
            name="ci",
            images=("registry.example/*", "docker.io/library/*"),
            any_of=(Authority(key=Key(pem="x")),),
        ),
    )
)
