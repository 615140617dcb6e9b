"""Starts ministack on the loopback interface with TLS, with corrections of its behaviour.

The Python of ministack's environment runs this file; tests do not import it (see `ministack.py`):

    python -P ministack_server.py CERTIFICATE KEY SECONDS

The first line of its output is the port. It ends after SECONDS, or when its standard input is
closed, which also happens when the test process ends.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

_HOST = "127.0.0.1"
_SESSION = re.compile(r"arn:([^:]+):sts::([0-9]+):assumed-role/([^/]+)/")
_SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"
_AUTHORISED_AS = {"sns:PublishBatch": "sns:Publish", "sqs:SendMessageBatch": "sqs:SendMessage"}


def main(certificate: str, key: str, seconds: int) -> None:
    """Serve until the time is over or standard input is closed."""
    signal.alarm(seconds)
    threading.Thread(target=_end_with_input, daemon=True).start()
    listener = socket.create_server((_HOST, 0))
    port = listener.getsockname()[1]
    # ministack reads these when it is imported and passes them to the functions.
    os.environ |= {
        "GATEWAY_PORT": str(port),
        "AWS_ENDPOINT_URL": f"https://{_HOST}:{port}",
        "USE_SSL": "1",
    }
    _correct()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    asyncio.run(_serve(listener, certificate, key))


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)


async def _serve(listener: socket.socket, certificate: str, key: str) -> None:
    # These packages are in ministack's environment and read the variables that `main` sets.
    from hypercorn.asyncio import serve  # noqa: PLC0415 - see above
    from hypercorn.config import Config  # noqa: PLC0415 - see above
    from ministack.app import app  # noqa: PLC0415 - see above

    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.certfile, config.keyfile = certificate, key
    await serve(app, config)


# --- corrections: ministack has no public hooks for these, so its functions are wrapped


def _correct() -> None:
    from ministack.core import iam_actions, iam_evaluator  # noqa: PLC0415 - see above
    from ministack.services import eventbridge  # noqa: PLC0415 - see above
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415 - see above

    _wrap(iam_evaluator, "_resolve_condition_key", _principal_arn)
    _wrap(iam_actions, "extract_iam_action", _batch_action)
    _wrap(eventbridge, "_invoke_target", _invoke_with_scheduled_time)
    handlers = vars(provisioners)["_RESOURCE_HANDLERS"]
    subscription = handlers["AWS::SNS::Subscription"]
    subscription["create"] = _subscribe_in_its_region(subscription["create"])
    subscription["delete"] = _unsubscribe_in_its_region(subscription["delete"])


def _wrap(module: Any, name: str, wrapper: Callable[..., Any]) -> None:  # noqa: ANN401 - ministack has no types
    wrapped = getattr(module, name)
    setattr(module, name, lambda *args, **kwargs: wrapper(wrapped, *args, **kwargs))


def _principal_arn(resolve: Callable[..., Any], key: str, context: Any) -> Any:  # noqa: ANN401 - likewise
    """The value of a condition key; `aws:PrincipalArn` of a session is the ARN of its role.

    ministack returns the ARN of the session.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    value = resolve(key, context)
    if key.lower() == "aws:principalarn" and (session := _SESSION.match(value or "")):
        partition, account_id, role = session.groups()
        return f"arn:{partition}:iam::{account_id}:role/{role}"
    return value


def _batch_action(extract: Callable[..., str | None], *args: object) -> str | None:
    """The IAM action of a request; batch operations need the action of their entries.

    https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-language-api-permissions-reference.html
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-batch-api-actions.html
    """
    action = extract(*args)
    return _AUTHORISED_AS.get(action or "", action)


def _invoke_with_scheduled_time(
    invoke: Callable[..., None],
    target: dict[str, Any],
    event: dict[str, Any],
    *rest: object,
) -> None:
    """Invoke a target after replacing the scheduled-time keyword in a schedule's input.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
    """
    if event.get("Source") == "aws.scheduler" and "Input" in target:
        moment = datetime.fromtimestamp(event["Time"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        target = {**target, "Input": target["Input"].replace(_SCHEDULED_TIME, moment)}
    invoke(target, event, *rest)


def _subscribe_in_its_region(create: Callable[..., Any]) -> Callable[..., Any]:
    """CloudFormation's subscription, in the region that it names instead of the stack's.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sns-subscription.html
    """

    def in_its_region(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:  # noqa: ANN401 - likewise
        with _in_region(props.get("Region")):
            return create(logical_id, props, stack_name)

    return in_its_region


def _unsubscribe_in_its_region(delete: Callable[..., Any]) -> Callable[..., Any]:
    """Likewise for its deletion; the subscription's ARN names the region."""

    def in_its_region(physical_id: str, props: dict[str, Any]) -> Any:  # noqa: ANN401 - likewise
        with _in_region(physical_id.split(":")[3]):
            return delete(physical_id, props)

    return in_its_region


@contextmanager
def _in_region(region: str | None) -> Iterator[None]:
    from ministack.core import responses  # noqa: PLC0415 - see above

    account_id, here = responses.get_account_id(), responses.get_region()
    with responses.request_scope(account_id, region or here):
        yield


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
