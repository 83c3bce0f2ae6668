"""The table of accounts, which no other slice can read."""

from mifumo.settings import Settings


class AccountsSettings(Settings):
    """Where users, sessions and throttles are: the auth slice's own table."""

    accounts_table: str
