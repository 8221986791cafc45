"""The chart's ClusterRole, which owns what no policy owns: all of it goes when the role goes."""

from revet.adapters.kube import KubeError
from revet.adapters.objects import Objects
from revet.core.model.meta import Owner


async def read_owner(objects: Objects, name: str) -> Owner:
    """Return the ClusterRole of that name as an owner.

    Raises:
        KubeError: it could not be read, or is gone: nothing may be made that would stay for ever.

    """
    role = await objects.get("ClusterRole", name)
    if role is None:
        raise KubeError(f"the ClusterRole {name} is gone: nothing is made")
    return Owner("rbac.authorization.k8s.io/v1", "ClusterRole", name, role["metadata"]["uid"])
