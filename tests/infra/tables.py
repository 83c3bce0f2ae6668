"""The deployed tables, made in a test's DynamoDB from the synthesized template: there is no second definition."""

from typing import Any

from tests.infra import quick
from tests.infra.templates import template

_KEPT = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "BillingMode")
_OUTPUTS = {
    "ACCOUNTS_TABLE": "AccountsTable",
    "ACCESS_TABLE": "AccessTable",
    "MESSAGING_TABLE": "MessagingTable",
    "LEDGER_TABLE": "LedgerTable",
    "AUDIT_TABLE": "AuditTable",
}


def create_tables(dynamodb: Any) -> dict[str, str]:
    """Makes the tables through a boto3 client; returns the environment that names them."""
    quick.install()
    names = {}
    for variable, properties in definitions().items():
        name = variable.removesuffix("_TABLE").lower()
        dynamodb.create_table(TableName=name, **{key: properties[key] for key in _KEPT if key in properties})
        names[variable] = name
    return names


def definitions() -> dict[str, dict[str, Any]]:
    """Each table's properties in the template, by the variable that names the table to a function."""
    data = template("local", "data")
    logical = {variable: data["Outputs"][output]["Value"]["Ref"] for variable, output in _OUTPUTS.items()}
    return {variable: data["Resources"][resource]["Properties"] for variable, resource in logical.items()}
