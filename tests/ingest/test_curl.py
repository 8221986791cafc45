"""What Falco sends with: libcurl, by the program of the same library."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from tests.ingest.harness import FALCO, TOKEN, Harness, alert

CURL = shutil.which("curl")
pytestmark = pytest.mark.skipif(CURL is None, reason="curl is not here")


async def _curl(ingest: Harness, folder: Path, body: bytes, *args: str, user: str = "") -> str:
    """Post as Falco's http_output does; return the status, and how long it took in seconds."""
    authority, file = folder / "ca.pem", folder / "body.json"
    authority.write_bytes(ingest.authority.ca_pem)
    file.write_bytes(body)
    process = await asyncio.create_subprocess_exec(
        str(CURL),
        "--silent",
        "--output",
        str(folder / "answer"),
        "--write-out",
        "%{http_code} %{time_total}",
        "--cacert",
        str(authority),
        "--user-agent",
        "falcosecurity/falco",
        "--header",
        "Content-Type: application/json",
        "--data-binary",
        f"@{file}",
        *args,
        f"https://{user}127.0.0.1:{ingest.port}{FALCO}",
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    return out.decode()


async def test_a_token_as_the_password_in_the_url(ingest: Harness, tmp_path: Path) -> None:
    answer = await _curl(ingest, tmp_path, json.dumps(alert()).encode(), user=f"falco:{TOKEN}@")
    assert answer.startswith("202 "), answer
    await ingest.worker.rest()
    assert ingest.counts() == [1]


async def test_a_certificate(ingest: Harness, tmp_path: Path) -> None:
    ingest.tls("falco-node-a")
    pair = str(tmp_path / "falco-node-a.pem")
    answer = await _curl(ingest, tmp_path, json.dumps(alert()).encode(), "--cert", pair)
    assert answer.startswith("202 "), answer


async def test_it_is_told_to_go_on_with_a_large_body(ingest: Harness, tmp_path: Path) -> None:
    body = json.dumps([alert(each) for each in range(2000)]).encode()
    expect = ("--header", "Expect: 100-continue", "--expect100-timeout", "20")
    answer = await _curl(ingest, tmp_path, body, *expect, user=f"falco:{TOKEN}@")
    status, _, taken = answer.partition(" ")
    assert status == "202"
    assert float(taken) < 15


async def test_one_who_is_not_known_sends_no_body(ingest: Harness, tmp_path: Path) -> None:
    expect = ("--header", "Expect: 100-continue", "--expect100-timeout", "20")
    answer = await _curl(ingest, tmp_path, json.dumps(alert()).encode(), *expect)
    assert answer.startswith("401 "), answer
