"""Undelivered: what tenants that have set it get back, once, for texts that the networks could not bring.

It is given back when the window for reports is over, in the transaction that closes it: until then a later report may
still say that a text was delivered, and afterwards none moves money.
"""

from contextlib import suppress

from mifumo import credited, ledger, wallets, writes
from mifumo.observability import count, logger
from mifumo.wallets import Wallet
from mifumo.writes import Write

from .chunks import Chunk
from .messages import Status


def close(chunk: Chunk, closing: Write, ended: dict[str, int]) -> None:
    """Closes a chunk's window with `closing`, and gives back what its undelivered texts cost.

    Refuses with ChunkTaken, with nothing given back.
    """
    credits_ = ended.get(Status.UNDELIVERED.value, 0) * chunk.segments if chunk.refunds else 0
    if not credits_:
        writes.commit(closing)
        return

    def build(wallet: Wallet) -> list[Write]:
        return [closing, *ledger.refund(wallet, credits_, name=_name(chunk), reference=chunk.batch)]

    with suppress(ledger.AlreadyRecorded):
        ledger.move(wallets.read(chunk.tenant), build)
        logger.info("undelivered given back", batch_id=chunk.batch, chunk=chunk.number, credits=credits_)
        count("CreditsGivenBack", credits_)
        credited.tell(chunk.tenant)
        return
    writes.commit(closing)


def _name(chunk: Chunk) -> str:
    return f"undelivered:{chunk.batch}:{chunk.number}"
