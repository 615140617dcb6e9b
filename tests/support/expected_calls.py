"""The calls and writes of each kind of round, for 29 images in each of 34 regions (986 pairs).

Nine images of a target are found by filters, in one family, and 20 by parameters. A change that
needs fewer calls changes these numbers; one that needs more calls has to be justified.
"""

from __future__ import annotations

from collections.abc import Mapping

REGIONS = 34
PAIRS = 29 * REGIONS

Calls = Mapping[str, int]

SENT = {"sqs.SendMessageBatch": 3 * REGIONS}
"""Ten messages a call."""
PLANNED = {
    "dynamodb.GetItem": 1,  # the scheduler's note
    "dynamodb.BatchGetItem": 1,  # round rows
    "dynamodb.Query": REGIONS,  # image rows
    "dynamodb.UpdateItem": 2 * REGIONS + 1,  # round rows, the note per region and at the end
}
FOUND = {
    "dynamodb.Query": REGIONS,  # the image rows of a dense batch
    "dynamodb.UpdateItem": REGIONS,  # the pairs that were answered
    "ec2.DescribeImages": REGIONS,  # the filter lookups of a family share a request
    "ec2.DescribeImages by id": REGIONS,  # the images of parameters
    "ssm.GetParameters": 2 * REGIONS,  # ten names a call
}

STEADY: Mapping[str, Calls] = {"scheduler": {**PLANNED, **SENT}, "lookup": FOUND}
STEADY_ROWS_WRITTEN = {"scheduler": 2 * REGIONS + 1, "lookup": REGIONS}

CHANGED_PAIRS = REGIONS
"""One image changes in every region."""
CHANGED: Mapping[str, Calls] = {
    "scheduler": {**PLANNED, **SENT},
    "lookup": {
        **FOUND,
        "dynamodb.Query": REGIONS + CHANGED_PAIRS,  # the image rows, and the history of the pair
        "dynamodb.TransactWriteItems": CHANGED_PAIRS,
    },
    "aggregator": {
        "dynamodb.BatchGetItem": 1 + REGIONS,  # the batch, and each target before its delivery
        "dynamodb.UpdateItem": CHANGED_PAIRS,  # each release is marked
        "sns.PublishBatch": REGIONS,
        "sts.AssumeRole": 1,
    },
}
CHANGED_ROWS_WRITTEN = {
    "scheduler": 2 * REGIONS + 1,
    "lookup": REGIONS + 2 * CHANGED_PAIRS,
    "aggregator": CHANGED_PAIRS,
}

FIRST: Mapping[str, Calls] = {
    "scheduler": {
        **PLANNED,
        "dynamodb.TransactWriteItems": REGIONS,  # the new rows of a target
        "dynamodb.UpdateItem": 2 * REGIONS + 2,  # the note lists the regions
        **SENT,
    },
    "lookup": {**FOUND, "dynamodb.TransactWriteItems": PAIRS},
}
"""Each pair gets an image row, and a release row in a transaction."""
FIRST_ROWS_WRITTEN = {"scheduler": PAIRS + 2 * REGIONS + 2, "lookup": REGIONS + 2 * PAIRS}

MOST_MEBIBYTES = {"scheduler": 60, "lookup": 80}
"""Peaks after a round in all regions over HTTP; measured: 39 and 61."""
MOST_MEBIBYTES_TLS = 100
"""Peak of the lookup after a round in all regions over TLS; measured: 68."""
LEAST_CPU_FACTOR = 18.0
"""The processor time of the naive way, in that of the functions; measured: 31."""
MOST_STUB_SHARE = 0.25
"""The processor time of the stub, in that of the functions; measured: 0.14."""
