"""The common layer and each slice's code, as assets whose hashes come from their contents."""

from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.parts import bundle
from infra.parts.bundle import Bundle
from infra.stage import Stage


class CommonLayer(lambda_.LayerVersion):
    """The kernel, shared by all functions: one product, one release."""

    def __init__(self, scope: Construct, name: str, *, stage: Stage) -> None:
        super().__init__(
            scope,
            name,
            description="Package mifumo and the libraries it stands on",
            code=code(scope, bundle.layer(stage)),
            compatible_runtimes=[runtime(stage)],
            compatible_architectures=[architecture(stage)],
        )


def code(scope: Construct, source: Bundle) -> lambda_.Code:
    """Builds only when the CLI needs this stack's assets: not for `cdk ls` and `cdk destroy`, nor for most tests.

    What stands in then keeps a hash of its own: CDK takes a folder of cdk.out as it is when the hash is known there.
    """
    if Stack.of(scope).bundling_required:
        return lambda_.Code.from_asset(str(source.build()), asset_hash=source.key)
    unbuilt = bundle.CACHE / "unbuilt"
    unbuilt.mkdir(parents=True, exist_ok=True)
    unbuilt.touch()  # in use, says its time to the next clean-up
    return lambda_.Code.from_asset(str(unbuilt))


def runtime(stage: Stage) -> lambda_.Runtime:
    return lambda_.Runtime(f"python{stage.python}", lambda_.RuntimeFamily.PYTHON)


def architecture(stage: Stage) -> lambda_.Architecture:
    return lambda_.Architecture.ARM_64 if stage.architecture == "arm64" else lambda_.Architecture.X86_64
