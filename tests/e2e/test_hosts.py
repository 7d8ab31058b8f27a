"""Services run on five hosts. The workers have slow links, and one of them is cut off while a job runs."""

import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2

from autoconnect.generate import generate
from autoconnect.local.embedded import find_server
from tests import oracle
from tests.e2e.hosts import hosts
from tests.e2e.waiting import wait_until
from tests.files import slow_to_map

ROWS = 80_000
KEY = "0123456789abcdef0123456789abcdef"


def test_a_job_is_exact_though_links_are_slow_and_one_host_is_cut_off(folder: Path) -> None:
    """Given workers that do not see the data folder / When one is cut off while a job runs, and comes back"""
    data = slow_to_map("".join(generate(ROWS, seed=9, bad_ratio=0.01))).encode()
    (folder / "data" / "big.csv").write_bytes(data)
    messages = folder / "messages.txt"
    with hosts("redis", "main", "near", "slow", "lost") as (redis, main, near, slow, lost):
        command = [find_server(), "--port", "6379", "--bind", redis.address, "--protected-mode", "no", "--save", ""]
        redis.start([*command, "--dir", str(folder)], messages)
        common = {"REDIS_URL": f"redis://{redis.address}:6379", "HEARTBEAT_MS": "200", "LEASE_MS": "1500"}
        sees = {"DATA_DIR": str(folder / "data"), "UPLOAD_DIR": str(folder / "uploads")}
        planner = {"BATCH_TRANSPORT": "inline", "BATCH_BYTES": "100000"}
        main.start_service("orchestrator", messages, common | sees | planner)
        main.start_service("aggregator", messages, common)
        main.start_service("api", messages, common | sees | {"HOST": main.address, "API_KEY": KEY})
        for host, rate in ((near, "500kbit"), (slow, "250kbit"), (lost, "500kbit")):  # the job takes its time
            host.limit(rate)
        pids = [host.start_service("worker", messages, common) for host in (near, slow, lost)]
        with httpx2.Client(base_url=f"http://{main.address}:8000/api/v1", headers={"X-API-Key": KEY}) as api:
            wait_until("three workers", lambda: sorted(workers(api)) == sorted(pids))
            job_id = api.post("/jobs", json={"source": "big.csv"}).json()["id"]
            wait_until("the host to have a batch", lambda: workers(api)[pids[2]], poll_s=0.02)
            lost.cut_off()
            wait_until("its lease to end", lambda: pids[2] not in workers(api))
            assert not ended(api, job_id)
            lost.connect()
            wait_until("the host to have a batch again", lambda: workers(api).get(pids[2]), poll_s=0.02)
            job = wait_until("the end of the job", lambda: ended(api, job_id))
            assert (job["status"], job["error"]) == ("completed", None)
            assert job["batches"]["done"] == job["batches"]["total"]
            assert job["batches"]["retried"] > 0
            rows, rejects = oracle.read_rows(data)
            expected = oracle.metric("monthly-revenue", rows, len(rows) + len(rejects), len(rejects))
            answer = api.get("/metrics/monthly-revenue", params={"job": job_id})
            assert json.loads(answer.text, parse_float=Decimal)["rows"] == expected
            # For docs/operations.md; `-s` shows it.
            batches, size = job["batches"], job["bytes"]["total"] / 1e6
            sys.stdout.write(
                f"\n{ROWS:,} rows, {size:.1f} MB: {batches['total']} batches, {batches['retried']} of them again, "
                f"in {job['duration_s']:.1f} s\n"
            )


def workers(api: httpx2.Client) -> dict[int, Any]:
    """What each live worker works on, by the id of its process; empty until the API answers."""
    try:
        answer = api.get("/workers")
    except httpx2.TransportError:
        return {}
    return {each["pid"]: each["working_on"] for each in answer.json().get("items", [])}


def ended(api: httpx2.Client, job_id: str) -> dict[str, Any] | None:
    """The job, if it has ended."""
    job: dict[str, Any] = api.get(f"/jobs/{job_id}").json()
    return job if job["finished_at"] else None
