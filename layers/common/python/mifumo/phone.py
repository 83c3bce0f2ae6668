"""Phone numbers: whatever a person or a spreadsheet writes, read as E.164 or refused with a reason.

Tanzanian mobile numbers are matched by a pattern, because a batch holds up to a million of them; libphonenumber
is loaded for foreign numbers alone. Both draw the line between mobile and not at the same prefixes.
"""

import re
from collections.abc import Collection
from enum import StrEnum
from typing import Final, Self

HOME: Final = "TZ"
_COUNTRY: Final = "255"
_NATIONAL_DIGITS: Final = 9
_TANZANIAN: Final = re.compile(r"(?:(?:\+|0{0,3})2550?|0)?((?:6[0-35-9]|7[0-9])[0-9]{7})")
# The same without what only some write: most of a million rows end here.
_PLAIN: Final = re.compile(r"(?:\+?255|0)?((?:6[0-35-9]|7[0-9])[0-9]{7})")
_TRUNK: Final = re.compile(r"^(?:(?:\+|0{0,3})2550?|0)")
_DIGITS: Final = re.compile(r"\+?[1-9][0-9]*|0[0-9]*")
_INTERNATIONAL: Final = re.compile(r"(?:\+|00|000)([1-9][0-9]*)")
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")

# What people, phones and office programs put around digits: spaces, dashes, dots, brackets, marks of direction.
_DECORATION: Final = re.compile(
    r"[\s.()\[\]\-\u00ad\u200b-\u200f\u2010-\u2015\u202a-\u202e\u2060-\u2069\u2212\ufeff\uff08\uff09\uff0d\uff0e]+"
)
_SCIENTIFIC: Final = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]*)?[eE][+-]?[0-9]+")
# Three zeros are a fraction behind a whole number alone: those of `0712345.000` are its last digits.
_DECIMAL_ZERO: Final = re.compile(r"(\+?[0-9]+(?=[.,]00?\Z)|(?:\+?255|0)?[67][0-9]{8}(?=[.,]000\Z))[.,]0+")


class Operator(StrEnum):
    """Mobile networks, by the codes that payment providers have in the API (Tigo trades as Yas)."""

    VODACOM = "vodacom"
    TIGO = "tigo"
    AIRTEL = "airtel"
    HALOTEL = "halotel"
    TTCL = "ttcl"


# Who was given a prefix, as libphonenumber has it. Numbers move between networks since 2017, so this is a hint.
_PREFIXES: Final = {
    Operator.VODACOM: ("72", "74", "75", "76", "79"),
    Operator.TIGO: ("65", "67", "70", "71", "77"),
    Operator.AIRTEL: ("60", "66", "68", "69", "78"),
    Operator.HALOTEL: ("61", "62", "63"),
    Operator.TTCL: ("73",),
}
_OPERATOR_OF: Final = {prefix: operator for operator, prefixes in _PREFIXES.items() for prefix in prefixes}


class Reason(StrEnum):
    """Why a number is refused."""

    EMPTY = "empty"
    SCIENTIFIC_NOTATION = "scientific_notation"
    NOT_A_NUMBER = "not_a_number"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    NOT_MOBILE = "not_mobile"
    FOREIGN_NOT_ALLOWED = "foreign_not_allowed"
    UNKNOWN_COUNTRY = "unknown_country"


# libphonenumber's own numbers for what is wrong: NumberParseException first, then ValidationResult.
_UNPARSED: Final = {0: Reason.UNKNOWN_COUNTRY, 4: Reason.TOO_LONG}
_IMPOSSIBLE: Final = {2: Reason.TOO_SHORT, 3: Reason.TOO_LONG}
_FOREIGN_DETAIL: Final = {
    Reason.UNKNOWN_COUNTRY: "No country has this code: check the digits after the +.",
    Reason.TOO_SHORT: "This number is too short for its country.",
    Reason.TOO_LONG: "This number is too long for its country.",
    Reason.NOT_MOBILE: "This is not a mobile number in its country.",
}


class InvalidNumber(ValueError):
    """What was given is not a number that can be texted; `detail` tells its owner what to do."""

    def __init__(self, reason_code: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason_code = reason_code
        self.detail = detail


class Msisdn(str):
    """A mobile number in E.164, as in +255712345678."""

    __slots__ = ()

    def __new__(cls, e164: str) -> Self:
        if not _E164.fullmatch(e164):
            raise ValueError("not a number in E.164: use phone.parse on what people write")
        return super().__new__(cls, e164)

    @property
    def masked(self) -> str:
        """For logs: +255712***678."""
        return f"{self[:-6]}***{self[-3:]}"

    @property
    def digits(self) -> str:
        """As most providers want it: 255712345678."""
        return self[1:]

    @property
    def tanzanian(self) -> bool:
        return self.startswith(f"+{_COUNTRY}")

    @property
    def local(self) -> str:
        """As it is dialled at home: 0712345678."""
        if not self.tanzanian:
            raise ValueError("a foreign number has no local form")
        return f"0{self[4:]}"

    @property
    def operator_hint(self) -> Operator | None:
        """The network that the number was first given by; it may have moved since."""
        return _OPERATOR_OF.get(self[4:6]) if self.tanzanian else None


class _Everywhere(frozenset[str]):
    """Holds every country, those too that it does not list."""

    __slots__ = ()

    def __contains__(self, country: object) -> bool:
        return True


EVERYWHERE: Final = _Everywhere({"TZ"})


def names(written: str, digits: str) -> bool:
    """Tells whether what somebody wrote is a number, given in digits, of whatever country."""
    try:
        return parse(written, countries=EVERYWHERE).digits == digits
    except InvalidNumber:
        return False


def parse(raw: str, *, countries: Collection[str] = ()) -> Msisdn:
    """Read a mobile number: of Tanzania, or one that starts with + or 00 and is of one of the `countries` (ISO 3166-1).

    Raises `InvalidNumber`. Digits that a spreadsheet has lost are never guessed.
    """
    number = _undecorated(raw)
    if home := _TANZANIAN.fullmatch(number):
        return Msisdn(f"+{_COUNTRY}{home[1]}")
    if not number:
        raise InvalidNumber(Reason.EMPTY, "Give a phone number, such as 0712345678.")
    abroad = _INTERNATIONAL.fullmatch(number)
    if not abroad or abroad[1].startswith(_COUNTRY):
        raise _refusal(number)
    if not countries:
        detail = "Only numbers of Tanzania can be texted: +255 and 9 digits, or 0 and 9 digits."
        raise InvalidNumber(Reason.FOREIGN_NOT_ALLOWED, detail)
    return _foreign(abroad[1], countries)


def digits(raw: str, *, countries: Collection[str] = ()) -> str:
    """Read a mobile number as its digits, 255712345678: what `parse` reads, sooner where it is written plainly.

    Raises `InvalidNumber`.
    """
    if plain := _PLAIN.fullmatch(raw):
        return f"{_COUNTRY}{plain[1]}"
    return parse(raw, countries=countries).digits


def prefix(raw: str) -> str:
    """Return the digits that numbers begin with of which people have written the beginning: `07` is 2557."""
    number = _DECORATION.sub("", raw)
    if number.startswith("+") or not number.startswith("0"):
        return number.removeprefix("+")
    return number[2:] if number.startswith("00") else f"{_COUNTRY}{number[1:]}"


def is_country(code: str) -> bool:
    """Tell whether this is the code (ISO 3166-1, two letters) of a country that has phone numbers."""
    import phonenumbers  # noqa: PLC0415 - see below

    return code in phonenumbers.SUPPORTED_REGIONS


def _undecorated(raw: str) -> str:
    """Digits with at most a + before them, if `raw` is a number at all."""
    written = raw.strip().lstrip("'\u2018\u2019")
    if not written.isascii():
        written = "".join(_ascii(char) for char in written)
    if _SCIENTIFIC.fullmatch(written):
        detail = "A spreadsheet has cut this number short: format the column as text and enter it again."
        raise InvalidNumber(Reason.SCIENTIFIC_NOTATION, detail)
    if whole := _DECIMAL_ZERO.fullmatch(written):
        return whole[1]
    return _DECORATION.sub("", written)


def _ascii(char: str) -> str:
    """Digits of any script, and the full-width plus, are meant as ours."""
    if char.isdecimal():
        return str(int(char))
    return "+" if char == "\uff0b" else char


def _foreign(digits: str, countries: Collection[str]) -> Msisdn:
    """Ask libphonenumber about a number of another country."""
    import phonenumbers  # noqa: PLC0415 - 20 ms that only a foreign number is worth

    try:
        number = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException as error:
        reason = _UNPARSED.get(error.error_type, Reason.TOO_SHORT)
        raise InvalidNumber(reason, _FOREIGN_DETAIL[reason]) from error
    kinds = phonenumbers.PhoneNumberType
    if phonenumbers.number_type(number) not in {kinds.MOBILE, kinds.FIXED_LINE_OR_MOBILE}:
        length = phonenumbers.is_possible_number_for_type_with_reason(number, kinds.MOBILE)
        reason = _IMPOSSIBLE.get(length, Reason.NOT_MOBILE)
        raise InvalidNumber(reason, _FOREIGN_DETAIL[reason])
    # Several countries share a code (+1, +7, +44): the digits after it tell them apart.
    if (country := phonenumbers.region_code_for_number(number)) not in countries:
        detail = f"This is a number of {country}, which is not one of the countries that can be texted."
        raise InvalidNumber(Reason.FOREIGN_NOT_ALLOWED, detail)
    return Msisdn(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _refusal(number: str) -> InvalidNumber:
    """What keeps `number` from being a Tanzanian mobile number."""
    if not _DIGITS.fullmatch(number):
        detail = "Write a number in digits, with its country code if it starts with +, as in +255712345678."
        return InvalidNumber(Reason.NOT_A_NUMBER, detail)
    national = _TRUNK.sub("", number, count=1)
    if len(national) == _NATIONAL_DIGITS:
        detail = "This is not a mobile number: those of Tanzania start with 06 or 07."
        return InvalidNumber(Reason.NOT_MOBILE, detail)
    detail = f"A Tanzanian number has {_NATIONAL_DIGITS} digits after 0 or +255, not {len(national)}."
    if len(national) < _NATIONAL_DIGITS:
        return InvalidNumber(Reason.TOO_SHORT, detail)
    return InvalidNumber(Reason.TOO_LONG, f"{detail} Numbers of other countries start with +.")
