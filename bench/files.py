"""Files: the splitter alone, over real HTTP, in a process of its own for each file, and what that used.

`python -m bench.files [ROWS ...]` starts an emulator of S3, DynamoDB and SQS without a stack, posts a file of each
length by its form, lets the real handler read it, and prints rows a second, processor time, memory and calls. What is
promised of memory and calls is checked; times are only told, because they are the machine's.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from bench import dollars, prices
from bench.cloud import SETTINGS, furnish
from functions.sms import api
from functions.sms.plans import parts
from mifumo import aws, ledger, tenants, wallets, writes
from mifumo.ids import TenantId
from sandbox import emulator, processes
from sandbox.places import ROOT, Place
from sandbox.ports import Ports, free_port
from tests.builders import CONTEXT, answer, request, token

TENANT = TenantId("t1")
TEXTS = {
    "one": "Habari ndugu mteja, salio lako ni TSh 10,000/=. Asante kwa kununua kwetu, karibu tena!",
    "own": "Habari {{name}}, salio lako ni TSh {{amount}}/=. Asante kwa kununua kwetu, karibu tena!",
}
_ROWS = (10_000, 100_000, 1_000_000)
MEMORY_MAX_MB = 256
_CREATED, _POSTED = 201, 204


@dataclass(frozen=True)
class Measured:
    """What reading one file used. `texts` says whether all rows got one text or each its own."""

    rows: int
    texts: str
    size: int
    seconds: float
    own_s: float
    idle_mb: float
    peak_mb: float
    calls: Counter[str]
    write_units: int

    @property
    def dollars(self) -> float:
        """What a million such rows cost, by the list prices; reads of the table are less than a cent."""
        function_s = self.own_s + self.calls.total() * prices.AWS_CALL_MS / 1_000
        gb_s = function_s * prices.WHOLE_PROCESSOR_MB / 1024
        cost = dollars.objects(self.calls) + self.write_units * prices.WRITE_UNIT + gb_s * prices.GB_SECOND["arm64"]
        return cost / self.rows * 1_000_000

    @property
    def held(self) -> bool:
        """Tells whether memory is bounded, and whether calls come with parts and not with rows."""
        most = parts.RECIPIENTS_MAX if self.texts == "one" else parts.CHUNKS_MAX
        written = -(-self.rows // (most - most // 100 if self.texts == "own" else most))
        return self.peak_mb <= MEMORY_MAX_MB and self.calls["PutObject"] <= written + 1

    def row(self) -> str:
        """Writes it as a row of a table."""
        return (
            f"| {self.rows:,} | {self.texts} | {self.size / 1e6:.1f} | {self.seconds:.1f} | "
            f"{self.rows / self.seconds:,.0f} | {self.own_s / self.rows * 1e6:.1f} | "
            f"{self.peak_mb:.0f} ({self.idle_mb:.0f}) | "
            f"{self.calls['PutObject']:,} | {self.calls.total():,} | {self.dollars:.4f} | "
            f"{'held' if self.held else '**not held**'} |"
        )


def main() -> int:
    """Prints the table; the exit status says whether what is promised is held."""
    lengths = [int(one) for one in sys.argv[1:]] or list(_ROWS)
    with _cloud():
        found = [_measured(rows, texts) for texts in TEXTS for rows in lengths]
    print(
        "| rows | texts | MB | seconds | rows a second | own µs a row | peak MB (idle) | parts | AWS calls "
        "| USD a million | promise |"
    )
    print("| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |")
    for one in found:
        print(one.row())
    return 0 if all(one.held for one in found) else 1


def _measured(rows: int, texts: str) -> Measured:
    """Has a file read in a fresh process; raises unless every row of it became a recipient that is priced."""
    sys.stderr.write(f"reading {rows:,} rows, {texts} text ...\n")
    upload, size = _uploaded(rows, TEXTS[texts])
    command = [sys.executable, "-m", "bench.file_reader", TENANT, upload]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    told = json.loads(done.stdout.splitlines()[-1])
    _, quote = _call("GET", f"/api/sms/uploads/{upload}/")
    if (quote["state"], quote["accepted"], quote["price"]) != ("ready", rows, rows):
        raise RuntimeError(f"not what was uploaded: {quote}")
    calls = Counter(told.pop("calls"))
    return Measured(rows, texts, size, calls=calls, **told)


def _uploaded(rows: int, text: str) -> tuple[str, int]:
    """Makes an upload and posts a file by its form; returns its id and its size."""
    status, made = _call("POST", "/api/sms/uploads/", {"purpose": "campaign", "sender_id": "INFO", "text": text})
    if status != _CREATED:
        raise RuntimeError(made)
    with tempfile.NamedTemporaryFile("w+", suffix=".csv") as file:
        file.write("phone,name,amount\n")
        file.writelines(f"07{10_000_000 + n},Asha Mrema {n},{n % 1000}00\n" for n in range(rows))
        file.flush()
        with Path(file.name).open("rb") as body:
            posted = requests.post(made["url"], data=made["fields"], files={"file": body}, timeout=120)
        if posted.status_code != _POSTED:
            raise RuntimeError(posted.text)
        return str(made["id"]), Path(file.name).stat().st_size


def _call(method: str, path: str, body: Any = None) -> tuple[int, Any]:
    return answer(api.handler(request(method, path, body, token=token(tenant=TENANT)), CONTEXT))


@contextmanager
def _cloud() -> Iterator[None]:
    """Starts an emulator with tables, queues and a bucket, and a tenant that may send; this process speaks to it."""
    ports, place = Ports(cloud=free_port()), Place("files")
    place.prepare()
    process = emulator.start(place, ports)
    try:
        emulator.wait_healthy(place, ports, process)
        os.environ.update({**SETTINGS, **emulator.credentials(ports), "REQUESTS_PER_TENANT": "0"})
        aws.forget()  # they were built with the import
        furnish()
        writes.commit(tenants.put(TENANT, "Duka la Mfano", verified=True))
        ledger.move(
            wallets.read(TENANT),
            lambda wallet: ledger.credit(wallet, 1, name="bench", reference="bench", postings=[], package="enterprise"),
        )
        yield
    finally:
        processes.end(process)
        place.forget()


if __name__ == "__main__":
    sys.exit(main())
