"""The CDK app: reads the stage, builds its two stacks and holds them to cdk-nag. Run by the CDK CLI."""

import os
from dataclasses import replace

from aws_cdk import App, Tags, Validations
from cdk_nag import AwsSolutionsChecks

from infra import bank
from infra.data import Data
from infra.service import Service
from infra.stage import Stage, named


def build(app: App, stage: Stage) -> None:
    """Adds the stacks of one stage: data outlives a deletion of the service, so it stands alone."""
    data = Data(app, f"mifumo-{stage.name}-data", stage=stage)
    Service(app, f"mifumo-{stage.name}-service", stage=stage, data=data)
    Tags.of(app).add("mifumo:stage", stage.name)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def told(app: App) -> Stage:
    """Returns the stage that the CDK was told of, with the bank account that was told of it."""
    stage = named(app.node.try_get_context("stage") or os.environ.get("STAGE") or "local")
    if stage.emulated:
        return stage
    return replace(stage, bank=bank.of(stage.name, app.node.try_get_context(f"bank:{stage.name}")))


def main() -> None:
    app = App(analytics_reporting=False)
    build(app, told(app))
    app.synth()


if __name__ == "__main__":
    main()
