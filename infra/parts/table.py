"""A table: pk and sk, on demand, encrypted, restorable to any second, and granted action by action."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.stage import Stage

GET = ("dynamodb:GetItem", "dynamodb:BatchGetItem")  # what one has to know the key of
READ = (*GET, "dynamodb:Query")
WRITE = ("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:ConditionCheckItem")
BATCH = ("dynamodb:BatchWriteItem",)  # knows no conditions and may delete: never for money
PUT = ("dynamodb:PutItem",)
QUERY = ("dynamodb:Query",)
UPDATE = ("dynamodb:UpdateItem",)
DELETE = ("dynamodb:DeleteItem",)


@dataclass(frozen=True)
class Index:
    """A global index `name` over `<prefix>_pk` and `<prefix>_sk`; a whole one carries every attribute."""

    name: str
    prefix: str
    whole: bool = False


class Table(Construct):
    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        stage: Stage,
        indexes: Sequence[Index] = (),
        expires: bool = True,
    ) -> None:
        super().__init__(scope, name)
        self._table = dynamodb.TableV2(
            self,
            "Table",
            partition_key=_string("pk"),
            sort_key=_string("sk"),
            global_secondary_indexes=[_projected(index) for index in indexes],
            time_to_live_attribute="ttl" if expires else None,
            billing=dynamodb.Billing.on_demand(),
            encryption=dynamodb.TableEncryptionV2.aws_managed_key(),
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=stage.retained,
            removal_policy=RemovalPolicy.RETAIN if stage.retained else RemovalPolicy.DESTROY,
        )
        self._index_arns = [f"{self._table.table_arn}/index/{index.name}" for index in indexes]

    @property
    def table_name(self) -> str:
        return self._table.table_name

    def grant(self, grantee: iam.IGrantable, *actions: str) -> None:
        """Allows exactly these actions; only a query may go to an index, and indexes are named one by one."""
        arns = [self._table.table_arn]
        if "dynamodb:Query" in actions:
            iam.Grant.add_to_principal(
                grantee=grantee, actions=["dynamodb:Query"], resource_arns=[*arns, *self._index_arns]
            )
        direct = [action for action in actions if action != "dynamodb:Query"]
        if direct:
            iam.Grant.add_to_principal(grantee=grantee, actions=direct, resource_arns=arns)

    def grant_leading(self, grantee: iam.IGrantable, partitions: Sequence[str], *actions: str) -> None:
        """Allows these actions on items whose partition key looks like one of the partitions, and on no other."""
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=list(actions),
            resource_arns=[self._table.table_arn],
            conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(partitions)}},
        )


def _string(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)


def _projected(index: Index) -> dynamodb.GlobalSecondaryIndexPropsV2:
    return dynamodb.GlobalSecondaryIndexPropsV2(
        index_name=index.name,
        partition_key=_string(f"{index.prefix}_pk"),
        sort_key=_string(f"{index.prefix}_sk"),
        projection_type=dynamodb.ProjectionType.ALL if index.whole else dynamodb.ProjectionType.KEYS_ONLY,
    )
