"""A deployment's roles, topics, queues, tables and keys on ministack, which enforces policies.

All resources have the policies that the evaluator reads. Each caller gets a session of a role with
the caller's name and policies; afterwards the role gets the trust policy that is deployed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import boto3
from botocore.exceptions import ClientError

from support.aws.deployed import EXTERNAL, HUB, VIRGINIA, Deployment
from support.aws.iam import ANY, Caller, Policy, Request, Values
from support.aws.ministack import Ministack

_REFUSALS = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "UnauthorizedOperation",
    }
)
_OTHER_ERRORS = frozenset(
    {"EntityAlreadyExists", "NoSuchKey", "ReceiptHandleIsInvalid", "ResourceNotFoundException"}
)
"""Errors of allowed requests: some resources were not created, and others exist already."""


class EmulatedAccess:
    """Sends requests to ministack, which enforces the policies of `deployment`.

    ministack creates an organisation for each account at the first call to Organizations, with a
    generated id. That id replaces the organisation id of the plan.
    """

    def __init__(self, running: Ministack, deployment: Deployment) -> None:
        self._running = running
        hub_organization = self._organization(HUB)
        self._organization(EXTERNAL)
        self.deployment = Deployment(deployment.plan, {"OrganizationId": hub_organization})
        self._sessions: dict[str, Mapping[str, str]] = {}
        self._built: dict[str, str] = {}
        self._boundaries: dict[tuple[str, str], str] = {}

    def _organization(self, account_id: str) -> str:
        organizations = self._running.client("organizations", VIRGINIA, account_id)
        return str(organizations.describe_organization()["Organization"]["Id"])

    # --- building

    def build(self, callers: Mapping[str, Caller], resources: Iterable[str]) -> None:
        """Create a session for each caller, by name, and each resource of the requests."""
        for name, caller in callers.items():
            if not caller.is_root:
                self._sessions[name] = self._session(caller)
        self._built |= {arn: self._build(arn) for arn in resources}

    def _session(self, caller: Caller) -> Mapping[str, str]:
        iam = self._running.client("iam", VIRGINIA, caller.account_id)
        sts = self._running.client("sts", VIRGINIA, caller.account_id)
        self._role(caller.arn, _trusting_account(caller.account_id))
        for number, policy in enumerate(caller.identity):
            if policy["Statement"]:
                iam.put_role_policy(
                    RoleName=_name(caller.arn),
                    PolicyName=f"policy-{number}",
                    PolicyDocument=json.dumps(policy),
                )
        if caller.boundary is not None:
            iam.put_role_permissions_boundary(
                RoleName=_name(caller.arn),
                PermissionsBoundary=self._boundary(caller.account_id, caller.boundary),
            )
        narrowed = {"Policy": json.dumps(caller.session_policy)} if caller.session_policy else {}
        answer = sts.assume_role(RoleArn=caller.arn, RoleSessionName="session", **narrowed)
        session: Mapping[str, str] = answer["Credentials"]
        return session

    def _boundary(self, account_id: str, policy: Policy) -> str:
        """The ARN of a managed policy with this document, created once in each account."""
        iam = self._running.client("iam", VIRGINIA, account_id)
        document = json.dumps(policy)
        made = self._boundaries.get((account_id, document))
        if made is None:
            name = f"boundary-{len(self._boundaries)}"
            made = str(iam.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"])
            self._boundaries[account_id, document] = made
        return made

    def _role(self, arn: str, trust: Policy) -> None:
        iam = self._running.client("iam", VIRGINIA, arn.split(":")[4])
        document = json.dumps(trust)
        try:
            iam.create_role(RoleName=_name(arn), AssumeRolePolicyDocument=document)
        except iam.exceptions.EntityAlreadyExistsException:
            iam.update_assume_role_policy(RoleName=_name(arn), PolicyDocument=document)

    def _build(self, arn: str) -> str:
        """Create a resource and return the identifier that its service uses."""
        service = arn.split(":")[2] if arn != "*" else ""
        policy = self.deployment.policy_of(arn)
        if service == "iam" and policy:
            self._role(arn, policy)
        if service not in _BUILDERS:
            return arn
        _, _, _, region, account_id, name = arn.split(":", 5)
        client = self._running.client(service, region or VIRGINIA, account_id or HUB)
        return _BUILDERS[service](client, name, policy)

    # --- requests

    def allows(self, who: str, request: Request) -> bool:
        """Whether ministack allows the request of the caller with that name.

        Raises:
            ClientError: the request failed for another reason than authorisation.
        """
        service, _, action = request.action.partition(":")
        client = self._client(who, request, service)
        try:
            _CALLS[action](client, self._built[request.resource], request)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in _REFUSALS | _OTHER_ERRORS:
                raise
            return code not in _REFUSALS
        return True

    def _client(self, who: str, request: Request, service: str) -> Any:  # noqa: ANN401 - of any service
        if request.caller.is_root:
            return self._running.client(service, request.region, request.caller.account_id)
        session = self._sessions[who]
        create: Callable[..., Any] = boto3.client  # the stubs list every service by its name
        return create(
            service,
            region_name=request.region,
            endpoint_url=self._running.endpoint_url,
            verify=str(self._running.certificate),
            aws_access_key_id=session["AccessKeyId"],
            aws_secret_access_key=session["SecretAccessKey"],
            aws_session_token=session["SessionToken"],
        )


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]


def _trusting_account(account_id: str) -> Policy:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": account_id}}
    return {"Version": "2012-10-17", "Statement": [statement]}


# --- how to create each kind of resource


def _topic(sns: Any, name: str, policy: Policy | None) -> str:  # noqa: ANN401 - a client
    arn = str(sns.create_topic(Name=name)["TopicArn"])
    if policy:
        text = json.dumps(policy)
        sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=text)
    return arn


def _queue(sqs: Any, name: str, policy: Policy | None) -> str:  # noqa: ANN401 - as above
    attributes = {"Policy": json.dumps(policy)} if policy else {}
    return str(sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


def _table(dynamodb: Any, name: str, _: Policy | None) -> str:  # noqa: ANN401 - as above
    """Create the table of a table's or an index's ARN."""
    table = name.split("/")[1]
    if table not in dynamodb.list_tables()["TableNames"]:
        keys = [("region", "HASH"), ("record", "RANGE")]
        pending = [("pending", "HASH"), ("record", "RANGE")]
        dynamodb.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": key, "AttributeType": "S"}
                for key in ("region", "record", "pending")
            ],
            KeySchema=_schema(keys),
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "pending",
                    "KeySchema": _schema(pending),
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
        )
    return table


def _schema(keys: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in keys]


def _key(kms: Any, _: str, policy: Policy | None) -> str:  # noqa: ANN401 - as above
    return str(kms.create_key(Policy=json.dumps(policy))["KeyMetadata"]["KeyId"])


def _bucket(s3: Any, name: str, policy: Policy | None) -> str:  # noqa: ANN401 - as above
    """Create the bucket of a bucket's or an object's ARN; return the name, and the key if any."""
    bucket = name.partition("/")[0]
    if bucket not in {each["Name"] for each in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=bucket)
        if policy:
            s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    return name


_BUILDERS: Mapping[str, Callable[[Any, str, Policy | None], str]] = {
    "dynamodb": _table,
    "kms": _key,
    "s3": _bucket,
    "sns": _topic,
    "sqs": _queue,
}


# --- how to call each action


def _assume(sts: Any, arn: str, request: Request) -> None:  # noqa: ANN401 - as above
    external_id: Values | None = request.context.get("sts:ExternalId")
    given = {"ExternalId": external_id} if external_id else {}
    sts.assume_role(RoleArn=arn, RoleSessionName="request", **given)


def _subscribe(sns: Any, arn: str, request: Request) -> None:  # noqa: ANN401 - as above
    protocol = request.context["sns:Protocol"]
    queue = f"arn:aws:sqs:{request.region}:{request.caller.account_id}:inbox"
    endpoint = queue if protocol == "sqs" else "team@example.com"
    sns.subscribe(TopicArn=arn, Protocol=protocol, Endpoint=endpoint)


def _query(dynamodb: Any, table: str, _: Request) -> None:  # noqa: ANN401 - as above
    dynamodb.query(
        TableName=table,
        KeyConditionExpression="#region = :region",
        ExpressionAttributeNames={"#region": "region"},
        ExpressionAttributeValues={":region": {"S": "eu-west-1"}},
    )


def _scan(dynamodb: Any, table: str, request: Request) -> None:  # noqa: ANN401 - as above
    index = request.resource.partition("/index/")[2]
    dynamodb.scan(TableName=table, **({"IndexName": index} if index else {}))


_ROW = {"region": {"S": "eu-west-1"}, "record": {"S": "image#al2023"}}


def _create_role(iam: Any, arn: str, request: Request) -> None:  # noqa: ANN401 - as above
    trust = json.dumps(_trusting_account(request.caller.account_id))
    iam.create_role(RoleName=_name(arn), AssumeRolePolicyDocument=trust)


def _put_same_trust(iam: Any, arn: str, _: Request) -> None:  # noqa: ANN401 - as above
    trust = iam.get_role(RoleName=_name(arn))["Role"]["AssumeRolePolicyDocument"]
    iam.update_assume_role_policy(RoleName=_name(arn), PolicyDocument=json.dumps(trust))


def _list_objects(s3: Any, name: str, request: Request) -> None:  # noqa: ANN401 - as above
    given = {"Prefix": request.context["s3:prefix"]} if "s3:prefix" in request.context else {}
    s3.list_objects_v2(Bucket=name, **given)


def _object(name: str) -> dict[str, str]:
    bucket, _, key = name.partition("/")
    return {"Bucket": bucket, "Key": key}


_NOTHING = json.dumps({"Version": "2012-10-17", "Statement": []})

_CALLS: Mapping[str, Callable[[Any, str, Request], object]] = {
    "AssumeRole": _assume,
    "AttachRolePolicy": lambda c, arn, _: c.attach_role_policy(
        RoleName=_name(arn), PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
    ),
    "BatchGetItem": lambda c, table, _: c.batch_get_item(RequestItems={table: {"Keys": [_ROW]}}),
    "CreatePolicy": lambda c, arn, _: c.create_policy(
        PolicyName=_name(arn), PolicyDocument=_NOTHING
    ),
    "CreatePolicyVersion": lambda c, arn, _: c.create_policy_version(
        PolicyArn=arn, PolicyDocument=_NOTHING, SetAsDefault=True
    ),
    "CreateRole": _create_role,
    "CreateUser": lambda c, arn, _: c.create_user(UserName=_name(arn)),
    "CreateTopic": lambda c, arn, _: c.create_topic(Name=arn.split(":")[-1]),
    "Decrypt": lambda c, key, _: c.decrypt(KeyId=key, CiphertextBlob=b"unreadable"),
    "DeleteItem": lambda c, table, _: c.delete_item(TableName=table, Key=_ROW),
    "DeleteMessage": lambda c, url, _: c.delete_message(QueueUrl=url, ReceiptHandle="none"),
    "DeleteObject": lambda c, name, _: c.delete_object(**_object(name)),
    "DeletePolicy": lambda c, arn, _: c.delete_policy(PolicyArn=arn),
    "DeleteTable": lambda c, table, _: c.delete_table(TableName=table),
    "DeleteTopic": lambda c, arn, _: c.delete_topic(TopicArn=arn),
    "DescribeImages": lambda c, _, __: c.describe_images(Owners=["self"]),
    "DescribeInstances": lambda c, _, __: c.describe_instances(),
    "GetItem": lambda c, table, _: c.get_item(TableName=table, Key=_ROW),
    "GetObject": lambda c, name, _: c.get_object(**_object(name)),
    "GetParametersByPath": lambda c, _, __: c.get_parameters_by_path(Path="/golden"),
    "GetQueueAttributes": lambda c, url, _: c.get_queue_attributes(QueueUrl=url),
    "GetQueueUrl": lambda c, url, _: c.get_queue_url(QueueName=_name(url)),
    "GetTopicAttributes": lambda c, arn, _: c.get_topic_attributes(TopicArn=arn),
    "InvokeFunction": lambda c, arn, _: c.invoke(FunctionName=arn),
    "ListBucket": _list_objects,
    "ListSubscriptionsByTopic": lambda c, arn, _: c.list_subscriptions_by_topic(TopicArn=arn),
    "Publish": lambda c, arn, _: c.publish(TopicArn=arn, Message="{}"),
    "PurgeQueue": lambda c, url, _: c.purge_queue(QueueUrl=url),
    "PutBucketPolicy": lambda c, name, _: c.put_bucket_policy(Bucket=name, Policy=_NOTHING),
    "PutItem": lambda c, table, _: c.put_item(TableName=table, Item=_ROW),
    "PutObject": lambda c, name, _: c.put_object(**_object(name), Body=b"{}"),
    "PutKeyPolicy": lambda c, key, _: c.put_key_policy(
        KeyId=key, Policy=c.get_key_policy(KeyId=key)["Policy"]
    ),
    "PutParameter": lambda c, _, __: c.put_parameter(Name="/golden/base", Value="x", Type="String"),
    "PutRolePolicy": lambda c, arn, _: c.put_role_policy(
        RoleName=_name(arn), PolicyName="wide", PolicyDocument=json.dumps(ANY)
    ),
    "Query": _query,
    "ReceiveMessage": lambda c, url, _: c.receive_message(QueueUrl=url),
    "RunInstances": lambda c, _, __: c.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1),
    "Scan": _scan,
    "SendMessage": lambda c, url, _: c.send_message(QueueUrl=url, MessageBody="{}"),
    "SetDefaultPolicyVersion": lambda c, arn, _: c.set_default_policy_version(
        PolicyArn=arn, VersionId="v1"
    ),
    "SetQueueAttributes": lambda c, url, _: c.set_queue_attributes(
        QueueUrl=url, Attributes={"VisibilityTimeout": "60"}
    ),
    "SetTopicAttributes": lambda c, arn, _: c.set_topic_attributes(
        TopicArn=arn, AttributeName="DisplayName", AttributeValue="changed"
    ),
    "Subscribe": _subscribe,
    "UpdateAssumeRolePolicy": _put_same_trust,
    "UpdateFunctionCode": lambda c, arn, _: c.update_function_code(FunctionName=arn, ZipFile=b""),
    "UpdateItem": lambda c, table, _: c.update_item(TableName=table, Key=_ROW),
}
