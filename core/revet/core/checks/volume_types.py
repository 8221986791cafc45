"""volume-types (restricted): only volumes that carry no path of the node or the network.

Fields: spec.volumes[*]
Allowed: configMap, csi, downwardAPI, emptyDir, ephemeral, image, persistentVolumeClaim, projected,
secret
"""

from collections.abc import Iterator

import msgspec

from revet.core.check import Check, Default, Explanation, Finding, Fix, Level, Profiles, Revision
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion
from revet.core.model.volume import Volume
from revet.core.pointer import escape

_ALLOWED = (
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
)


def _volume_types(pod: Pod) -> Iterator[Finding]:
    for index, volume in enumerate(pod.spec.volumes or ()):
        if not _is_allowed(volume):
            source = _source(volume)
            yield Finding(
                "volume-types",
                f"/spec/volumes/{index}/{escape(source)}",
                f'volume "{volume.name}" is of type {source} (restricted volume types), '
                f"must be one of {', '.join(_ALLOWED)}",
                fix=Fix("emptyDir: {}, or a persistentVolumeClaim"),
            )


def _is_allowed(volume: Volume) -> bool:
    return (
        volume.config_map is not None
        or volume.secret is not None
        or volume.projected is not None
        or volume.empty_dir is not None
        or volume.persistent_volume_claim is not None
        or volume.downward_api is not None
        or volume.csi is not None
        or volume.ephemeral is not None
        or volume.image is not None
    )


def _source(volume: Volume) -> str:
    for field in msgspec.structs.fields(Volume):
        if field.name != "name" and getattr(volume, field.name) is not None:
            return field.encode_name
    return "unknown"


CHECK = Check(
    id="volume-types",
    title="Only safe volume types",
    tier=1,
    level=Level.RESTRICTED,
    upstream="restrictedVolumes",
    revisions=(Revision(KubeVersion(1, 0), _volume_types),),
    overrides=("host-path-volumes", "host-path-scope"),
    profiles=Profiles(Default.AUDIT, Default.ENFORCE, Default.ENFORCE),
    explanation=Explanation(
        what=f"Every volume is one of {', '.join(_ALLOWED)}.",
        why="The other types name servers, disks or paths in the pod itself, past the storage "
        "classes and quotas that the platform set, and some run code on the node.",
        fix="""\
volumes:
- name: data
  persistentVolumeClaim:
    claimName: data       # the PersistentVolume behind it may be nfs, iscsi, ...""",
        breaks="Pods that mount nfs, iscsi and the like directly, or the node's files.",
    ),
    supports=(("NIST 800-53 r5", "CM-3 CM-6 CM-7 SA-8 SC-7"),),
)
