import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, DecodeError, type Decoded, type Limits } from "driver-events";
import { bytes, escalate, GOAL } from "./support.js";

function errorOf(payload: Uint8Array | string, limits?: Limits): DecodeError {
  try {
    decode(payload, limits);
  } catch (error) {
    assert(error instanceof DecodeError, String(error));
    return error;
  }
  return assert.fail(`decoded ${String(payload)}`);
}

function outcome(fields: string): string {
  const usage = '{"turns":1,"wall_time":"1s","tokens":1,"consecutive_denies":0}';
  return `{"kind":"goal_completed","outcome":{"goal_id":"${GOAL}","total_turns":1,"usage":${usage},${fields}}}`;
}

test("the kind selects the type of a known event", () => {
  const payload = bytes(escalate(""));
  const decoded = decode(payload);
  assert(decoded.known && decoded.event.kind === "escalate");
  const reason: string = decoded.event.reason;
  assert.equal(reason, "x");
  assert.equal(decoded.kind, "escalate");
  assert.equal(decoded.raw, payload);
  assert.deepEqual(decoded.inexact, []);
});

test("text and bytes decode alike", () => {
  assert.deepEqual(decode(escalate(',"é":1')), decode(bytes(escalate(',"é":1'))));
});

test("an unknown field is kept, and is not in the type", () => {
  const decoded = decode(escalate(',"severity":3'));
  assert(decoded.known && decoded.event.kind === "escalate");
  // @ts-expect-error: a field that this version does not know
  assert.equal(decoded.event.severity, 3);
});

test("an event of a newer publisher is kept byte for byte", () => {
  const continued = '"outcome":{"kind":"continue","reason":"x"},"elapsed":"1s"';
  for (const [json, path] of [
    [`{ "kind" : "goal_paused", "why":[1.50] }`, "kind"],
    [`{"kind":"constructor"}`, "kind"],
    [`{"kind":"__proto__"}`, "kind"],
    [`{"kind":""}`, "kind"],
    [outcome(continued.replace("continue", "wait")), "outcome.outcome.kind"],
    [
      outcome(continued.replace('"continue","reason":"x"', '"budget_exhausted","axis":"money"')),
      "outcome.outcome.axis",
    ],
    [`{"kind":"auto_dream_outcome","goal_id":"${GOAL}","outcome_kind":"snored"}`, "outcome_kind"],
  ] as const) {
    const decoded: Decoded = decode(bytes(json));
    assert(!decoded.known, json);
    assert.equal(decoded.path, path);
    assert.deepEqual(decoded.raw, bytes(json));
    assert.equal(decoded.event.kind, decoded.kind);
    assert.deepEqual(decoded.event, JSON.parse(json));
  }
});

test("an error names the field, the form and the value", () => {
  const criterion = (text: string): string =>
    `{"kind":"goal_started","goal":{"id":"${GOAL}","description":"x","acceptance":[${text}],"budget":{}}}`;
  const elapsed = (text: string): string => outcome(`"outcome":{"kind":"done"},"elapsed":${text}`);
  for (const [json, code, message] of [
    ["", "syntax", /JSON/],
    ["{", "syntax", /JSON/],
    ["\ufeff{}", "syntax", /JSON/],
    ["[]", "missing_kind", /^expected an object with a string `kind`$/],
    ["null", "missing_kind", /`kind`/],
    ['{"kind":1}', "missing_kind", /`kind`/],
    [`{"kind":"escalate","goal_id":"${GOAL}"}`, "invalid", /^escalate: missing field `reason`$/],
    ['{"kind":"escalate","goal_id":"7","reason":"x"}', "invalid", /^escalate\.goal_id: expected a UUID, found "7"$/],
    [
      `{"kind":"escalate","goal_id":"${GOAL}\\n","reason":"x"}`,
      "invalid",
      /: expected a UUID, found "6f2c.*\\u\{a\}"$/,
    ],
    [elapsed('"0\\n"'), "invalid", /expected a duration/],
    [criterion("{}"), "invalid", /^goal_started\.goal\.acceptance\[0\]: missing field `kind`$/],
    [criterion('{"kind":7}'), "invalid", /^goal_started\.goal\.acceptance\[0\]\.kind: expected string, found 7$/],
    [criterion('{"kind":"new"}'), "invalid", /^goal_started\.goal\.budget: missing field `max_turns`$/],
    [
      elapsed('"1 fortnight"'),
      "invalid",
      /^goal_completed\.outcome\.elapsed: expected a duration .*, found "1 fortnight"$/,
    ],
    [elapsed('"18446744073709551616s"'), "invalid", /elapsed: expected a duration .*, found "18446744073709551616s"$/],
    [
      `{"kind":"acceptance","goal_id":"${GOAL}","verdict":{"met":true,"evaluated_at":"2026-02-30T00:00:00Z","elapsed_ms":1}}`,
      "invalid",
      /^acceptance\.verdict\.evaluated_at: expected an RFC 3339 time, found "2026-02-30T00:00:00Z"$/,
    ],
    [elapsed("[1]"), "invalid", /^goal_completed\.outcome\.elapsed: expected string, found an array$/],
    [outcome('"outcome":{"kind":"sleep","duration_ms":-1,"reason":"x"},"elapsed":"1s"'), "invalid", />= 0, found -1$/],
    [
      outcome('"outcome":{"kind":"sleep","duration_ms":1.5,"reason":"x"},"elapsed":"1s"'),
      "invalid",
      /integer, found 1\.5$/,
    ],
    [escalate("").replace('"x"', "1e400"), "syntax", /^escalate\.reason: number out of range$/],
  ] as const) {
    const error = errorOf(json);
    assert.equal(error.code, code, json);
    assert.match(error.message, message);
  }
});

test("an unknown value does not hide a fault", () => {
  const error = errorOf(outcome('"outcome":{"kind":"budget_exhausted","axis":"money"},"elapsed":1'));
  assert.equal(error.path, "outcome.elapsed");
  assert.equal(error.eventKind, "goal_completed");
});

test("bytes that are not UTF-8 are an error", () => {
  assert.equal(errorOf(Uint8Array.of(0x22, 0xff, 0x22)).code, "syntax");
});

test("a hostile payload makes a short printable message", () => {
  const evil = "\u001b[2J\u202e\n".repeat(1000);
  for (const payload of [
    evil,
    JSON.stringify({ kind: "escalate", goal_id: evil, reason: "x" }),
    JSON.stringify({ kind: evil, ["\u001b".repeat(500)]: 1 }).replace("1}", "1e999}"),
  ]) {
    const { message } = errorOf(payload);
    assert.match(message, /^[\x20-\x7e…]+$/u);
    assert(message.length < 6000, `${message.length}`);
  }
});

test("size and depth are limited before the payload is parsed", () => {
  const nested = (depth: number): string => `{"kind":"x","a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;
  assert(!decode(nested(64)).known);
  assert.equal(errorOf(nested(65)).code, "too_deep");
  assert.equal(errorOf("[".repeat(65)).code, "too_deep");
  assert(!decode(nested(100), { maxDepth: 100 }).known);
  assert(!decode(`{"kind":"x","a":"${"[".repeat(100)}\\"{"}`).known);
  const sized = (size: number): string => `{"kind":"x"}`.padEnd(size);
  assert(!decode(sized(512 * 1024)).known);
  assert.equal(errorOf(sized(512 * 1024 + 1)).code, "too_large");
  assert.equal(errorOf("é", { maxBytes: 1 }).message, "2 bytes exceed the limit of 1");
});

test("an integer that lost digits is reported with its path", () => {
  const decoded = decode(
    `{"kind":"compact_completed","goal_id":"${GOAL}","turn_index":1,"after_tokens":18446744073709551615,` +
      `"free":{"a.b":[9007199254740992,[-9007199254740993],1.00000000000000001,"9007199254740993",{"\\"":9007199254740993}]}}`,
  );
  assert(decoded.known);
  assert.deepEqual(decoded.inexact, ["after_tokens", "free.a.b[1][0]", 'free.a.b[4]."']);
});

test("a long string with escapes and digits is searched for integers", () => {
  const decoded = decode(escalate(`,"a":"${'\\"'.repeat(200_000)}","b":9007199254740993`));
  assert.deepEqual(decoded.inexact, ["b"]);
});

test("a lone surrogate is read as U+FFFD", () => {
  const decoded = decode(escalate(String.raw`,"\udc00":"a\ud83d","\\ud83d":"\ud83d\ude00\uD83D\n"`));
  const { kind: _, goal_id: __, reason: ___, ...rest } = decoded.event as unknown as Record<string, unknown>;
  assert.deepEqual(rest, { "\ufffd": "a\ufffd", "\\ud83d": "😀\ufffd\n" });
});

test("the differences from the library that the README lists", () => {
  // JSON.parse does not report duplicate fields, nor an integer that is written as a fraction.
  assert(decode(escalate(',"reason":"y"')).known);
  assert(decode(`{"kind":"compact_completed","goal_id":"${GOAL}","turn_index":1.0,"after_tokens":1e3}`).known);
  assert(decode(`{"kind":"compact_completed","goal_id":"${GOAL}","turn_index":-0,"after_tokens":1}`).known);
  // 2^64 is the number that 2^64 - 1 is rounded to.
  assert(
    decode(`{"kind":"compact_completed","goal_id":"${GOAL}","turn_index":1,"after_tokens":18446744073709551616}`).known,
  );
});
