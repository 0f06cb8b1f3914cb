"""Signs or verifies one webhook a line with the official PyPI libraries: the protocol is that of peer.mjs."""

import json
import sys
from datetime import datetime, timezone
from urllib.parse import parse_qsl

import standardwebhooks
import stripe
import svix.webhooks
from slack_sdk.signature import SignatureVerifier
from twilio.request_validator import RequestValidator


def passes(check):
    """The libraries raise to refuse."""
    try:
        check()
        return True
    except Exception:
        return False


def standard_like(webhook, prefix):
    def verify(job):
        return passes(lambda: webhook(job["secret"]).verify(job["body"], job["headers"]))

    def sign(job):
        when = datetime.fromtimestamp(job["timestamp"], tz=timezone.utc)
        return {
            f"{prefix}-id": job["id"],
            f"{prefix}-timestamp": str(job["timestamp"]),
            f"{prefix}-signature": webhook(job["secret"]).sign(job["id"], when, job["body"]),
        }

    return {"verify": verify, "sign": sign}


def stripe_verify(job):
    header = job["headers"]["stripe-signature"]
    return passes(lambda: stripe.Webhook.construct_event(job["body"], header, job["secret"]))


def slack_sign(job):
    timestamp = str(job["timestamp"])
    signature = SignatureVerifier(job["secret"]).generate_signature(timestamp=timestamp, body=job["body"])
    return {"x-slack-request-timestamp": timestamp, "x-slack-signature": signature}


def twilio_verify(job):
    signature = job["headers"]["x-twilio-signature"]
    return RequestValidator(job["secret"]).validate(job["url"], dict(parse_qsl(job["body"], keep_blank_values=True)), signature)


LIBRARIES = {
    "standard": standard_like(standardwebhooks.Webhook, "webhook"),
    "svix": standard_like(svix.webhooks.Webhook, "svix"),
    "stripe": {"verify": stripe_verify},
    "slack": {
        "verify": lambda job: SignatureVerifier(job["secret"]).is_valid_request(job["body"], job["headers"]),
        "sign": slack_sign,
    },
    "twilio": {
        "verify": twilio_verify,
        "sign": lambda job: {
            "x-twilio-signature": RequestValidator(job["secret"]).compute_signature(
                job["url"], dict(parse_qsl(job["body"], keep_blank_values=True))
            )
        },
    },
}

for line in sys.stdin:
    job = json.loads(line)
    try:
        done = LIBRARIES[job["library"]][job["task"]](job)
        result = {"headers": done} if job["task"] == "sign" else {"ok": done}
    except Exception as error:  # the test fails with what went wrong
        result = {"error": repr(error)}
    print(json.dumps(result), flush=True)
