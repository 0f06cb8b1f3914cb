// Signs or verifies one webhook a line with the official npm libraries. Reads JSON lines, writes one JSON line for each:
//   {library, task: "sign" | "verify", secret, url, headers, body, id, timestamp}  ->  {headers} | {ok} | {error}
import { createInterface } from "node:readline";
import { sign as octokitSign, verify as octokitVerify } from "@octokit/webhooks-methods";
import { isValidSlackRequest } from "@slack/bolt";
import { Webhook as StandardWebhook } from "standardwebhooks";
import Stripe from "stripe";
import { Webhook as SvixWebhook } from "svix";
import twilio from "twilio";

const stripe = new Stripe("sk_test_unused");

// The libraries throw to refuse.
const passes = (check) => {
  try {
    check();
    return true;
  } catch {
    return false;
  }
};

const standardLike = (Webhook, prefix) => ({
  verify: ({ secret, headers, body }) => passes(() => new Webhook(secret).verify(body, headers)),
  sign: ({ secret, id, timestamp, body }) => ({
    [`${prefix}-id`]: id,
    [`${prefix}-timestamp`]: String(timestamp),
    [`${prefix}-signature`]: new Webhook(secret).sign(id, new Date(timestamp * 1000), body),
  }),
});

const libraries = {
  standard: standardLike(StandardWebhook, "webhook"),
  svix: standardLike(SvixWebhook, "svix"),
  stripe: {
    verify: ({ secret, headers, body }) =>
      passes(() => stripe.webhooks.constructEvent(body, headers["stripe-signature"], secret)),
    sign: ({ secret, timestamp, body }) => ({
      "stripe-signature": stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp }),
    }),
  },
  github: {
    verify: ({ secret, headers, body }) => octokitVerify(secret, body, headers["x-hub-signature-256"]),
    sign: async ({ secret, body }) => ({ "x-hub-signature-256": await octokitSign(secret, body) }),
  },
  slack: {
    verify: ({ secret, headers, body }) =>
      isValidSlackRequest({
        signingSecret: secret,
        body,
        headers: {
          "x-slack-signature": headers["x-slack-signature"],
          "x-slack-request-timestamp": Number(headers["x-slack-request-timestamp"]),
        },
      }),
  },
  twilio: {
    verify: ({ secret, url, headers, body }) =>
      twilio.validateRequest(secret, headers["x-twilio-signature"], url, Object.fromEntries(new URLSearchParams(body))),
    sign: ({ secret, url, body }) => ({
      "x-twilio-signature": twilio.getExpectedTwilioSignature(secret, url, Object.fromEntries(new URLSearchParams(body))),
    }),
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const job = JSON.parse(line);
  let result;
  try {
    const done = await libraries[job.library][job.task](job);
    result = job.task === "sign" ? { headers: done } : { ok: done };
  } catch (error) {
    result = { error: String(error) };
  }
  console.log(JSON.stringify(result));
}
