"""Delivery: which way a code or an invitation goes to the person whom it is for, and whether it goes at all.

Asking costs the same calls for a contact that somebody has and for one that nobody has, and gets the same answer.
"""

import contextlib

from mifumo import clock, ids, notices, tables, writes
from mifumo.aws import Item
from mifumo.errors import AppError, RateLimited
from mifumo.ids import UserId
from mifumo.notices import Channel, Notice
from mifumo.permissions import Role
from mifumo.settings import Settings

from . import codes, contacts, throttles, users, wording
from .accounts import AccountsSettings
from .codes import Purpose
from .contacts import Contact, Kind
from .users import Language, User
from .wording import Letter


class LetterSettings(Settings):
    """Where letters by e-mail come from; empty where there are none."""

    mail_from: str = ""


class ConsoleSettings(Settings):
    """Where people see the product: links in letters lead there."""

    console_url: str


class EmailNotAvailable(AppError):
    """No letters are sent from this deployment: verify a phone number, or invite by one, instead."""

    status = 422
    code = "email_not_available"
    title = "Nothing is sent by e-mail here"


def ask(purpose: Purpose, contact: Contact, *, caller: UserId | None, source_ip: str) -> None:
    """Sends a code to the contact if an account has it; a caller's code is for the caller's account alone.

    Raises Throttled and CodesLocked for any contact alike, EmailNotAvailable where no letters are sent.
    """
    if purpose is Purpose.VERIFY_EMAIL:
        require_way(contact)
    room = [throttles.of_address("codes", source_ip), *throttles.of_contact("codes", contact.value)]
    writes.transact(*(throttle.attempt() for throttle in room))
    find = contacts.owner if purpose is Purpose.RESET_PASSWORD else contacts.latest
    user = caller or find(contact) or codes.NOBODY
    person = tables.get(AccountsSettings.load().accounts_table, users.key(user)) or {}
    way = _way(purpose, contact, person, signed_in=caller is not None)
    code = codes.make(purpose, contact, user if way else None)
    notices.send(_notice(purpose, way, person, code) if way else None)


def welcome(user: User, *, source_ip: str) -> None:
    """Sends the code that verifies the phone of one who has just joined; they can ask for it again."""
    if user.phone_verified:
        return
    with contextlib.suppress(RateLimited):  # the account is made, and not answered with a refusal
        ask(Purpose.VERIFY_PHONE, Contact.phone(user.phone), caller=user.id, source_ip=source_ip)


def require_way(contact: Contact) -> None:
    """Raises EmailNotAvailable for an address where no letters are sent."""
    if contact.kind is Kind.EMAIL and not LetterSettings.load().mail_from:
        raise EmailNotAvailable


def invite(contact: Contact, token: str, *, business: str, role: Role, by: UserId, until: int) -> None:
    """Sends the link of an invitation, in the language of who sends it; `until` is when it is of no use any more."""
    person = tables.get(AccountsSettings.load().accounts_table, users.key(by)) or {}
    link = f"{ConsoleSettings.load().console_url.rstrip('/')}/invitations/{token}"
    subject, text = wording.invitation(_language(person), business=business, role=role, link=link)
    channel = Channel.SMS if contact.kind is Kind.PHONE else Channel.EMAIL
    notices.send(Notice(ids.new(), channel, contact.value, text, subject, expires_at=until))


def warn(letter: Letter, person: Item, *, at: str) -> None:
    """Tells the holder of a number that the user has, or had before, what was done to the account."""
    subject, text = wording.words(letter, _language(person))
    notices.send(Notice(ids.new(), Channel.SMS, at, text, subject))


def warn_owner(letter: Letter, person: Item) -> None:
    """Tells a user what was done to their account, at the number that they have proven, if there is one."""
    if "recovery_phone_at" in person:
        warn(letter, person, at=person["phone"])


def _way(purpose: Purpose, contact: Contact, person: Item, *, signed_in: bool) -> tuple[Channel, str] | None:
    """Says how the code goes out; None when the contact is not the person's, or not good enough for the purpose."""
    if contact.kind is Kind.PHONE:
        return (Channel.SMS, contact.value) if contact.value in _phones(purpose, person, signed_in=signed_in) else None
    if contact.value != person.get("email"):
        return None
    if LetterSettings.load().mail_from:
        return Channel.EMAIL, contact.value
    # Where no letters are sent, the address says whose account it is, and the code goes to the number they own.
    return (Channel.SMS, person["phone"]) if "recovery_phone_at" in person else None


def _phones(purpose: Purpose, person: Item, *, signed_in: bool) -> set[str]:
    """Lists the numbers that a person may have codes for: a new one while signed in, for a reset a proven one."""
    if purpose is Purpose.RESET_PASSWORD:
        return {person["phone"]} if "recovery_phone_at" in person else set()
    return {person.get("phone", ""), person.get("pending_phone", "") if signed_in else ""} - {""}


def _notice(purpose: Purpose, way: tuple[Channel, str], person: Item, code: str) -> Notice:
    channel, to = way
    subject, text = wording.words(Letter(purpose.value), _language(person), code=code)
    return Notice(ids.new(), channel, to, text, subject, expires_at=clock.epoch() + codes.GOOD_FOR_S)


def _language(person: Item) -> Language:
    return Language(person.get("language", Language.ENGLISH))
