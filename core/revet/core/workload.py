"""From any pod-bearing object to the pod in it: the nine kinds that Pod Security reads too.

Same table as DefaultPodSpecExtractor of k8s.io/pod-security-admission (admission/admission.go).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec.structs import replace

from revet.core.errors import ManifestError
from revet.core.model.image_facts import NOT_ASKED, ImageFacts
from revet.core.model.pod import ObjectMeta, Pod, PodTemplateSpec
from revet.core.model.reader import Reader
from revet.core.size_limits import refuse_absurd
from revet.core.surroundings import UNSEEN, Surroundings


class _TemplateHolder(msgspec.Struct, frozen=True, gc=False):
    template: PodTemplateSpec | None = None


class _Workload(msgspec.Struct, frozen=True, gc=False):
    metadata: ObjectMeta | None = None
    spec: _TemplateHolder | None = None


class _PodTemplate(msgspec.Struct, frozen=True, gc=False):
    metadata: ObjectMeta | None = None
    template: PodTemplateSpec | None = None


class _JobTemplate(msgspec.Struct, frozen=True, gc=False):
    spec: _TemplateHolder | None = None


class _CronJobSpec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    job_template: _JobTemplate | None = None


class _CronJob(msgspec.Struct, frozen=True, gc=False):
    metadata: ObjectMeta | None = None
    spec: _CronJobSpec | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """What is judged: an object, and the pod in it.

    `prefix` is the JSON pointer from the object to the pod's metadata and spec, empty for a Pod.
    `template` is what the checks see of it; two versions with equal templates are alike to them.
    """

    kind: str
    metadata: ObjectMeta
    prefix: str
    template: PodTemplateSpec

    @property
    def is_pod(self) -> bool:
        """Whether the object is a Pod itself, not a template for some."""
        return not self.prefix

    def pod(self, around: Surroundings = UNSEEN, images: ImageFacts = NOT_ASKED) -> Pod:
        """Lay the pod out for the checks, with what was seen beside it and said of its images."""
        return Pod(self.template, self.metadata.namespace or "", around, images)


#: More than any pod that runs has; a node's limits are far below.
MOST_CONTAINERS: Final = 500
MOST_VOLUMES: Final = 2000

_NO_METADATA: Final = ObjectMeta()
_NO_TEMPLATE: Final = PodTemplateSpec()

_Reader = Callable[[bytes | msgspec.Raw, str], Subject]

_pod = Reader(PodTemplateSpec)
_workload = Reader(_Workload)
_pod_template = Reader(_PodTemplate)
_cron_job = Reader(_CronJob)


def _read_pod(data: bytes | msgspec.Raw, kind: str) -> Subject:
    pod = _pod.decode(data)
    return Subject(kind, pod.metadata or _NO_METADATA, "", pod)


def _read_workload(data: bytes | msgspec.Raw, kind: str) -> Subject:
    workload = _workload.decode(data)
    template = workload.spec.template if workload.spec is not None else None
    metadata = workload.metadata or _NO_METADATA
    return Subject(kind, metadata, "/spec/template", _bare(template))


def _read_pod_template(data: bytes | msgspec.Raw, kind: str) -> Subject:
    holder = _pod_template.decode(data)
    return Subject(kind, holder.metadata or _NO_METADATA, "/template", _bare(holder.template))


def _read_cron_job(data: bytes | msgspec.Raw, kind: str) -> Subject:
    cron_job = _cron_job.decode(data)
    job = cron_job.spec.job_template if cron_job.spec is not None else None
    template = job.spec.template if job is not None and job.spec is not None else None
    metadata = cron_job.metadata or _NO_METADATA
    return Subject(kind, metadata, "/spec/jobTemplate/spec/template", _bare(template))


def _bare(template: PodTemplateSpec | None) -> PodTemplateSpec:
    """Return a template without what only the cluster says, and only of a Pod."""
    if template is None:
        return _NO_TEMPLATE
    return template if template.status is None else replace(template, status=None)


#: (API group, kind) of every object that holds a pod. Versions do not matter: `matchPolicy:
#: Equivalent` has the API server convert to the version of our rules.
_READERS: Final[dict[tuple[str, str], _Reader]] = {
    ("", "Pod"): _read_pod,
    ("", "PodTemplate"): _read_pod_template,
    ("", "ReplicationController"): _read_workload,
    ("apps", "ReplicaSet"): _read_workload,
    ("apps", "Deployment"): _read_workload,
    ("apps", "StatefulSet"): _read_workload,
    ("apps", "DaemonSet"): _read_workload,
    ("batch", "Job"): _read_workload,
    ("batch", "CronJob"): _read_cron_job,
}


def holds_pod(group: str, kind: str) -> bool:
    """Return whether objects of this kind hold a pod."""
    return (group, kind) in _READERS


def read(group: str, kind: str, data: bytes | msgspec.Raw) -> Subject:
    """Decode an object of one of the nine kinds from its JSON.

    Raises:
        ManifestError: another kind, or JSON that does not fit it; the message names the field.

    """
    reader = _READERS.get((group, kind))
    if reader is None:
        kinds = ", ".join(sorted(name for _, name in _READERS))
        raise ManifestError(f"{group or 'core'}/{kind} holds no pod, must be one of {kinds}")
    try:
        subject = reader(data, kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ManifestError(f"{kind}: {error}") from error
    _refuse_crowds(subject)
    refuse_absurd(kind, data, subject.metadata, subject.template)
    return subject


def _refuse_crowds(subject: Subject) -> None:
    """Keep one small manifest from holding up everybody's: `[{},{},...]` grows a hundredfold."""
    spec = subject.template.spec
    if spec is None:
        return
    containers = sum(
        len(each or ())
        for each in (spec.init_containers, spec.containers, spec.ephemeral_containers)
    )
    for number, most, noun in (
        (containers, MOST_CONTAINERS, "containers"),
        (len(spec.volumes or ()), MOST_VOLUMES, "volumes"),
    ):
        if number > most:
            raise ManifestError(f"{subject.kind}: {number} {noun}, must be {most} at most")
