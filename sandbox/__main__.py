"""The local cloud's command line: `python -m sandbox up|down|status|demo`, each with `--name` for a second stack."""

import argparse
import signal
import sys
from typing import NoReturn

from sandbox import daemon, lifecycle
from sandbox.listener import PortTakenError
from sandbox.places import NameInvalidError, Place
from sandbox.ports import PortInvalidError, Ports, from_environment
from sandbox.steps import CloudError

_INTERRUPTED = 130


def main(words: list[str] | None = None) -> int:
    arguments = _parser().parse_args(words)
    signal.signal(signal.SIGTERM, _leave)
    try:
        return _run(arguments, Place(arguments.name), from_environment())
    except CloudError as error:
        tail = error.tail()
        if tail:
            print(f"\n--- the end of {error.log} ---\n{tail}\n---", file=sys.stderr)
        print(error, file=sys.stderr)
    except (PortTakenError, PortInvalidError, NameInvalidError) as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        print("\nStopped. `python -m sandbox status` says what runs.", file=sys.stderr)
        return _INTERRUPTED
    return 1


def _run(arguments: argparse.Namespace, place: Place, ports: Ports) -> int:
    match arguments.verb:
        case "up":
            lifecycle.announce(lifecycle.up(place, ports))
            return 0
        case "down":
            lifecycle.down(place)
            return 0
        case "status":
            return 0 if lifecycle.status(place) else 1
        case "demo":
            from sandbox.demo import story  # noqa: PLC0415 -- the demo alone needs the terminal's colours

            return story.tell(lifecycle.up(place, ports))
        case _:
            daemon.serve(ports, api_id=arguments.api_id)
            return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="The local cloud of Mifumo SMS.")
    parser.set_defaults(name="stack")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, meaning in {
        "up": "start, deploy and seed it, and leave it running",
        "down": "end what `up` has started, and nothing else",
        "status": "say what runs",
        "demo": "bring it up, then register, pay, send 1,000 texts and see them end",
    }.items():
        verbs.add_parser(verb, help=meaning).add_argument(
            "--name", default="stack", help="another stack beside the first; give it ports of its own"
        )
    verbs.add_parser("serve", help="the front door and the simulators in the foreground; `up` starts it").add_argument(
        "--api-id", required=True, help="the deployed HTTP API that /api goes to"
    )
    return parser


def _leave(_number: int, _frame: object) -> NoReturn:
    """A polite end, so that what was started is ended on the way out."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
