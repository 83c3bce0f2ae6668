"""What the local emulator needs that AWS does not: the only place where the two deployments part.

AWS stages get none of it, so that their policies stay minimal.
"""

from collections.abc import Sequence

from aws_cdk import CliCredentialsStackSynthesizer, DefaultStackSynthesizer, IStackSynthesizer

from infra.stage import Stage

API_ID = "4d1f5a90"
"""The emulator's API id: eight hex digits, as it stands in a host name."""


def synthesizer(stage: Stage) -> IStackSynthesizer:
    """With IAM enforced the emulator refuses the roles that a bootstrap makes for publishing assets."""
    return CliCredentialsStackSynthesizer() if stage.emulated else DefaultStackSynthesizer()


def enforce_ssl(stage: Stage) -> bool:
    """The emulator is reached over http on the loopback interface; a TLS-only policy would deny everything."""
    return not stage.emulated


def send_actions(stage: Stage) -> Sequence[str]:
    """AWS checks a batch as its singular action, the emulator as an action of its own."""
    return ("sqs:SendMessage", "sqs:SendMessageBatch") if stage.emulated else ("sqs:SendMessage",)


def schedule_groups(stage: Stage, group: str) -> Sequence[str]:
    """The emulator checks a call about a schedule as if it stood in the default group."""
    return (group, "default") if stage.emulated else (group,)


def consume_actions(stage: Stage) -> Sequence[str]:
    """What a queue's consumer needs beyond AWS's own list."""
    return ("sqs:DeleteMessageBatch", "sqs:ChangeMessageVisibilityBatch") if stage.emulated else ()
