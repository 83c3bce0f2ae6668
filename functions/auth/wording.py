"""Wording: what codes, warnings and invitations say, in the user's language.

A text fits into one SMS of plain letters; one with a link into two.
"""

import re
import unicodedata
from enum import StrEnum
from typing import NamedTuple

from mifumo.permissions import Role

from .users import Language

# A business names itself as it likes, and the text is the platform's: plain letters, and nothing that opens or dials.
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9 &'-]+")
_LONG_NUMBER = re.compile(r"\d(?:[ '&-]*\d){4,}")
_NAME_MAX = 30


class Letter(StrEnum):
    """What there is to be said."""

    VERIFY_PHONE = "verify_phone"
    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105 # the name of a letter
    PHONE_CHANGED = "phone_changed"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 # the name of a letter
    SECOND_FACTOR_OFF = "second_factor_off"


class Words(NamedTuple):
    """A subject, which letters by e-mail have, and a text in which `{code}` stands for the code."""

    subject: str
    text: str


_EN, _SW = Language.ENGLISH, Language.SWAHILI
_WORDS = {
    (Letter.VERIFY_PHONE, _EN): Words(
        "Verify your phone",
        "Mifumo: {code} is your code to verify this phone number. It is good for 10 minutes. Never share it with "
        "anybody.",
    ),
    (Letter.VERIFY_PHONE, _SW): Words(
        "Thibitisha simu yako",
        "Mifumo: {code} ni namba ya kuthibitisha simu hii. Inatumika kwa dakika 10. Usimpe mtu yeyote.",
    ),
    (Letter.VERIFY_EMAIL, _EN): Words(
        "Verify your e-mail address",
        "Mifumo: {code} is your code to verify this e-mail address. It is good for 10 minutes. Never share it with "
        "anybody.",
    ),
    (Letter.VERIFY_EMAIL, _SW): Words(
        "Thibitisha barua pepe yako",
        "Mifumo: {code} ni namba ya kuthibitisha barua pepe hii. Inatumika kwa dakika 10. Usimpe mtu yeyote.",
    ),
    (Letter.RESET_PASSWORD, _EN): Words(
        "Set a new password",
        "Mifumo: {code} is your code to set a new password. It is good for 10 minutes. Never share it. Not you? "
        "Ignore this text.",
    ),
    (Letter.RESET_PASSWORD, _SW): Words(
        "Weka nenosiri jipya",
        "Mifumo: {code} ni namba ya kuweka nenosiri jipya. Inatumika kwa dakika 10. Usimpe mtu yeyote. Kama hukuomba, "
        "puuza.",
    ),
    (Letter.PASSWORD_CHANGED, _EN): Words(
        "Your password was changed",
        "Mifumo: the password of your account was changed. If that was not you, set a new one at once and tell us.",
    ),
    (Letter.PASSWORD_CHANGED, _SW): Words(
        "Nenosiri lako limebadilishwa",
        "Mifumo: nenosiri la akaunti yako limebadilishwa. Kama si wewe, weka jipya mara moja na utuambie.",
    ),
    (Letter.SECOND_FACTOR_OFF, _EN): Words(
        "Your second factor was turned off",
        "Mifumo: your account no longer asks for a second factor. If that was not you, set a new password at once.",
    ),
    (Letter.SECOND_FACTOR_OFF, _SW): Words(
        "Uthibitisho wa pili umezimwa",
        "Mifumo: akaunti yako haiulizi tena uthibitisho wa pili. Kama si wewe, weka nenosiri jipya mara moja.",
    ),
    (Letter.PHONE_CHANGED, _EN): Words(
        "Your phone number was changed",
        "Mifumo: your account now has another phone number than this one. If that was not you, set a new password "
        "at once.",
    ),
    (Letter.PHONE_CHANGED, _SW): Words(
        "Namba yako ya simu imebadilishwa",
        "Mifumo: akaunti yako sasa ina namba nyingine ya simu. Kama si wewe uliyebadilisha, weka nenosiri jipya mara "
        "moja.",
    ),
}


def words(letter: Letter, language: Language, *, code: str = "") -> Words:
    """Returns what to write."""
    subject, text = _WORDS[letter, language]
    return Words(subject, text.format(code=code))


_INVITATIONS = {
    _EN: Words(
        "You are invited to {business}",
        "Mifumo: {business} invites you to join as {role}. Open this within 7 days: {link}",
    ),
    _SW: Words(
        "Umealikwa na {business}",
        "Mifumo: {business} inakualika ujiunge kama {role}. Fungua ndani ya siku 7: {link}",
    ),
}
_LOW_BALANCE = {
    _EN: Words(
        "Your credits run low",
        "Mifumo: {business} has {credits} SMS credits left. Buy more in the console, so that your texts go on.",
    ),
    _SW: Words(
        "Salio lako linaisha",
        "Mifumo: {business} imebakiwa na SMS {credits}. Nunua zaidi kwenye tovuti ili ujumbe wako uendelee kutumwa.",
    ),
}
_WEBHOOK_DISABLED = {
    _EN: Words(
        "A webhook was turned off",
        "Mifumo: a webhook of {business} does not take our calls and was turned off. See why, and turn it on again, in "
        "the console.",
    ),
    _SW: Words(
        "Webhook imezimwa",
        "Mifumo: webhook ya {business} haipokei taarifa zetu na imezimwa. Angalia sababu na iwashe tena kwenye tovuti.",
    ),
}
_SOMEBODY = {_EN: "a business", _SW: "biashara"}
_ROLES = {
    (Role.OWNER, _EN): "an owner",
    (Role.OWNER, _SW): "mmiliki",
    (Role.ADMIN, _EN): "an administrator",
    (Role.ADMIN, _SW): "msimamizi",
    (Role.AGENT, _EN): "an agent",
    (Role.AGENT, _SW): "wakala",
    (Role.SUPPORT, _EN): "support",
    (Role.SUPPORT, _SW): "msaidizi",
    (Role.STAFF, _EN): "staff",
    (Role.STAFF, _SW): "mfanyakazi",
}


def invitation(language: Language, *, business: str, role: Role, link: str) -> Words:
    """Returns what to write to one who is invited."""
    said = {"business": _plain(business) or _SOMEBODY[language], "role": _ROLES[role, language]}
    subject, text = _INVITATIONS[language]
    return Words(subject.format(**said), text.format(**said, link=link))


def low_balance(language: Language, *, business: str, credits_left: int) -> Words:
    """Returns what to write to an owner whose credits run low."""
    subject, text = _LOW_BALANCE[language]
    return Words(subject, text.format(business=_plain(business) or _SOMEBODY[language], credits=f"{credits_left:,}"))


def webhook_disabled(language: Language, *, business: str) -> Words:
    """Returns what to write to an owner of a business whose system is told nothing any more."""
    subject, text = _WEBHOOK_DISABLED[language]
    return Words(subject, text.format(business=_plain(business) or _SOMEBODY[language]))


def _plain(name: str) -> str:
    """Writes a name in letters that every phone has, shortened."""
    folded = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    kept = _LONG_NUMBER.sub("", _NOT_PLAIN.sub(" ", folded))
    return " ".join(kept.split())[:_NAME_MAX].strip()
