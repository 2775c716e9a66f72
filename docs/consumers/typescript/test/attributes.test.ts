import assert from "node:assert/strict";
import { test } from "node:test";
import { headers as natsHeaders } from "@nats-io/transport-node";
import { type Attributes, DecodeError, kafkaAttributes, natsAttributes, unescapeHeaderValue } from "driver-events";
import { bytes } from "./support.js";

function plain(attributes: Attributes): Record<string, string | undefined> {
  return { ...attributes };
}

test("names of NATS headers are case-insensitive, values are percent-decoded once", () => {
  const headers = natsHeaders();
  headers.append("CE-Id", "an%20id");
  headers.append("ce-source", "urn:a%2520b");
  headers.append("ce-Sequence", "00000000000000000007");
  headers.append("Nats-Msg-Id", "other");
  headers.append("traceparent", "not an attribute");
  assert.deepEqual(plain(natsAttributes(headers)), {
    id: "an id",
    source: "urn:a%20b",
    sequence: "00000000000000000007",
  });
});

test("header values are decoded as the wire format says", () => {
  for (const [encoded, decoded] of [
    ["Euro%20%e2%82%AC", "Euro €"],
    ["100% of%2", "100% of%2"],
    [String.raw`"a \"quoted\" b%20c"`, 'a "quoted" b c'],
    ['"', '"'],
    ["%C3x%FF", "\ufffdx\ufffd"],
    ["%EF%BB%BFx", "\ufeffx"],
    ["", ""],
  ] as const) {
    assert.equal(unescapeHeaderValue(encoded), decoded, encoded);
  }
});

test("without an id, Nats-Msg-Id has id and source", () => {
  for (const [key, expected] of [
    ["6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01", { id: "6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01" }],
    ["100%25 ready", { id: "100% ready" }],
    ["driver-events an%20id urn:a%2520b", { id: "an id", source: "urn:a%20b" }],
    ["driver-events 1 urn:driver-events:unset tenant-7", { id: "1" }],
  ] as const) {
    assert.deepEqual(plain(natsAttributes({ "Nats-Msg-Id": key })), expected, key);
  }
  const attributes = natsAttributes({ "nats-msg-id": "driver-events 1 urn:a", "ce-source": "urn:b" });
  assert.deepEqual(plain(attributes), { source: "urn:b", id: "1" });
});

test("a NATS attribute with several values is malformed", () => {
  assert.deepEqual(plain(natsAttributes({ "ce-id": ["1", "1"], "CE-ID": "1" })), { id: "1" });
  assert.throws(() => natsAttributes({ "ce-id": "1", "CE-ID": "2" }), DecodeError);
  assert.throws(
    () => natsAttributes(new Map([["ce-id", ["1", "2"]]])),
    /^DecodeError: attribute `id` has several values$/,
  );
});

test("a message without headers has no attributes", () => {
  assert.deepEqual(plain(natsAttributes(undefined)), {});
  assert.deepEqual(plain(kafkaAttributes(undefined)), {});
});

test("a header cannot change the prototype", () => {
  for (const attributes of [natsAttributes({ "ce-__proto__": "x" }), kafkaAttributes([["ce___proto__", "x"]])]) {
    assert.deepEqual(Object.entries(attributes), [["__proto__", "x"]]);
  }
});

test("values of Kafka headers are UTF-8, the last one counts, null is absent", () => {
  const pairs = [
    ["ce_id", bytes("first")],
    ["ce_id", bytes("100%20 Ä")],
    ["ce_source", bytes("x")],
    ["ce_source", null],
    ["ce_subject", "7"],
    ["content-type", bytes("application/json")],
  ] as const;
  assert.deepEqual(plain(kafkaAttributes(pairs)), { id: "100%20 Ä", subject: "7" });
  const object = { ce_id: [bytes("1"), bytes("2")], ce_source: null, ce_type: undefined, ce_time: bytes("t") };
  assert.deepEqual(plain(kafkaAttributes(object)), { id: "2", time: "t" });
});
