"""The merchant's account at pawaPay: its wallets in Tanzania, with limits and availability."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

COUNTRY, CURRENCY = "TZA", "TZS"
AVAILABILITIES = ("OPERATIONAL", "DELAYED", "CLOSED")


@dataclass(frozen=True)
class Provider:
    """One wallet, by pawaPay's code for it."""

    code: str
    name: str
    prefixes: tuple[str, ...]
    maximum: Decimal = Decimal(1_000_000)
    minimum: Decimal = Decimal(500)
    decimals: str = "NONE"
    status: str = "OPERATIONAL"


_PROVIDERS = (
    Provider("VODACOM_TZA", "Vodacom", ("25572", "25574", "25575", "25576", "25579")),
    Provider("TIGO_TZA", "Tigo", ("25565", "25567", "25570", "25571", "25577")),
    Provider("AIRTEL_TZA", "Airtel", ("25566", "25568", "25569", "25578"), decimals="TWO_PLACES"),
    Provider("HALOTEL_TZA", "Halotel", ("25561", "25562", "25563"), maximum=Decimal(500_000)),
)


class Account:
    """What the account may do now; providers can be opened and closed."""

    def __init__(self) -> None:
        self._providers: dict[str, Provider] = {}
        self.forget()

    def forget(self) -> None:
        self._providers = {provider.code: provider for provider in _PROVIDERS}

    def find(self, code: str) -> Provider | None:
        return self._providers.get(code)

    def predict(self, phone: str) -> Provider | None:
        return next((one for one in self._providers.values() if phone.startswith(one.prefixes)), None)

    def set_status(self, code: str, status: str) -> None:
        self._providers[code] = replace(self._providers[code], status=status)

    def configuration(self, operation: str | None, *, callback_url: str | None, as_list: bool) -> dict[str, Any]:
        """The answer of active-conf; operations come as an object, or as the list that older papers show."""
        return {
            "companyName": "Mifumo",
            "signatureConfiguration": {"signedRequestsOnly": False, "signedCallbacks": True},
            "countries": [
                {
                    **_country(),
                    "providers": [
                        {
                            "provider": provider.code,
                            "displayName": provider.name,
                            "nameDisplayedToCustomer": "Mifumo",
                            "currencies": [
                                {
                                    "currency": CURRENCY,
                                    "displayName": "TSh",
                                    "operationTypes": _kinds(provider, operation, callback_url, as_list=as_list),
                                }
                            ],
                        }
                        for provider in self._providers.values()
                    ],
                }
            ],
        }

    def availability(self, operation: str | None) -> list[dict[str, Any]]:
        providers = [
            {
                "provider": provider.code,
                "operationTypes": [
                    {"operationType": kind, "status": provider.status}
                    for kind in ("DEPOSIT", "REFUND")
                    if operation in {None, kind}
                ],
            }
            for provider in self._providers.values()
        ]
        return [{**_country(), "providers": providers}]


def _country() -> dict[str, Any]:
    return {"country": COUNTRY, "displayName": {"en": "Tanzania", "fr": "Tanzanie"}, "prefix": "255"}


def _kinds(provider: Provider, operation: str | None, callback_url: str | None, *, as_list: bool) -> Any:
    limits = {
        "minAmount": str(provider.minimum),
        "maxAmount": str(provider.maximum),
        "decimalsInAmount": provider.decimals,
        "status": provider.status,
        "callbackUrl": callback_url,
    }
    prompt = {"authType": "PROVIDER_AUTH", "pinPrompt": "AUTOMATIC", "pinPromptRevivable": False}
    kinds = {"DEPOSIT": {**prompt, **limits}, "REFUND": limits}
    asked = {kind: terms for kind, terms in kinds.items() if operation in {None, kind}}
    return [{kind: terms} for kind, terms in asked.items()] if as_list else asked
