"""The table of a pod's fields is that of the API server."""

import json

from e2e.cluster.target import Cluster
from revet.cli.check.pod_fields import TYPES
from tools.pod_fields import list_fields


def test_the_table_is_the_servers(cluster: Cluster) -> None:
    document = json.loads(cluster.kubectl("get", "--raw", "/openapi/v2").stdout)
    assert list_fields(document["definitions"]) == TYPES
