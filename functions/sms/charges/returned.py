"""Returned: the credits that come back, once, for texts that were charged and did not end well.

They come when the window for reports is over, in the transaction that closes it: until then a later report may still
say that a text was delivered, and afterwards none moves money.
"""

from contextlib import suppress

from functions.sms.batches.chunks import Chunk
from mifumo import credited, ledger, wallets, writes
from mifumo.observability import count, logger
from mifumo.wallets import Wallet
from mifumo.writes import Write


def close(chunk: Chunk, closing: Write, owed: int) -> None:
    """Closes a chunk's window with `closing`, and gives back what so many of its texts cost.

    Refuses with ChunkTaken, with nothing given back.
    """
    credits_ = owed * chunk.segments
    if not credits_:
        writes.commit(closing)
        return

    def build(wallet: Wallet) -> list[Write]:
        return [closing, *ledger.refund(wallet, credits_, name=_name(chunk), reference=chunk.batch)]

    with suppress(ledger.AlreadyRecorded):
        ledger.move(wallets.read(chunk.tenant), build)
        logger.info("credits given back", batch_id=chunk.batch, chunk=chunk.number, credits=credits_)
        count("CreditsGivenBack", credits_)
        credited.tell(chunk.tenant)
        return
    writes.commit(closing)


def _name(chunk: Chunk) -> str:
    return f"returned:{chunk.batch}:{chunk.number}"
