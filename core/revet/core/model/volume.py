"""The volumes of a pod, as the checks read them."""

import msgspec

from revet.core.model.wire import Present, Wire


class HostPath(Wire, frozen=True, gc=False):
    """A hostPath volume source."""

    path: str | None = None


class ImageSource(Wire, frozen=True, gc=False):
    """An image volume source."""

    reference: str | None = None


class TokenSource(Wire, frozen=True, gc=False):
    """A ServiceAccount's token as a file; the life is in seconds, absent: 3600."""

    audience: str | None = None
    expiration_seconds: int | None = None


class ProjectedSource(Wire, frozen=True, gc=False):
    """A source of a projected volume."""

    service_account_token: TokenSource | None = None


class Projected(Wire, frozen=True, gc=False):
    """A projected volume source."""

    sources: tuple[ProjectedSource, ...] | None = None


class Volume(Wire, frozen=True, gc=False):
    """A volume: its name, and which of the sources is set."""

    name: str = ""
    config_map: Present | None = None
    csi: Present | None = None
    downward_api: Present | None = msgspec.field(name="downwardAPI", default=None)
    empty_dir: Present | None = None
    ephemeral: Present | None = None
    image: ImageSource | None = None
    persistent_volume_claim: Present | None = None
    projected: Projected | None = None
    secret: Present | None = None
    host_path: HostPath | None = None
    gce_persistent_disk: Present | None = None
    aws_elastic_block_store: Present | None = None
    git_repo: Present | None = None
    nfs: Present | None = None
    iscsi: Present | None = None
    glusterfs: Present | None = None
    rbd: Present | None = None
    flex_volume: Present | None = None
    cinder: Present | None = None
    cephfs: Present | None = None
    flocker: Present | None = None
    fc: Present | None = None
    azure_file: Present | None = None
    vsphere_volume: Present | None = None
    quobyte: Present | None = None
    azure_disk: Present | None = None
    photon_persistent_disk: Present | None = None
    portworx_volume: Present | None = None
    scale_io: Present | None = msgspec.field(name="scaleIO", default=None)
    storageos: Present | None = None
