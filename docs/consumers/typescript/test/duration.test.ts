import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeError, milliseconds, nanoseconds } from "driver-events";

const VALID: readonly (readonly [string, bigint])[] = [
  ["0s", 0n],
  ["0", 0n],
  ["1m 36s 410ms", 96_410_000_000n],
  ["3s 212ms 409us 705ns", 3_212_409_705n],
  ["1year 2months 3days", 31_557_600_000_000_000n + 2n * 2_630_016_000_000_000n + 259_200_000_000_000n],
  ["18446744073709551615s 999999999ns", 2n ** 64n * 1_000_000_000n - 1n],
  ["1 h", 3_600_000_000_000n],
  ["1h1h", 7_200_000_000_000n],
  ["1 2s", 12_000_000_000n],
  [" \u00851s\u3000", 1_000_000_000n],
  ["1s\n", 1_000_000_000n],
  ["1.5s", 1_500_000_000n],
  ["0.5 h", 1_800_000_000_000n],
  ["0.25w", 151_200_000_000_000n],
  ["1.50us", 1_500n],
  ["1µs 2M 1wk", 1_000n + 2n * 2_630_016_000_000_000n + 604_800_000_000_000n],
];

const INVALID = [
  "",
  " ",
  "5",
  "s",
  "-1s",
  "+1s",
  "1_0s",
  "1s 0",
  "0 ",
  "1 fortnight",
  "0x1s",
  "１s",
  "1S",
  "1.s",
  ".5s",
  "1.5.5s",
  "1,5s",
  "1s,1s",
  "1.5ns",
  "0.0001h",
  "1.0000000001s",
  "99999999999999y",
  "18446744073709551616s",
  "18446744073709551616ns",
  "18446744073709551615s 1000000000ns",
  "18446744073709551615us",
  "\ufeff1s",
  "1 μs",
];

test("durations are parsed exactly", () => {
  for (const [text, expected] of VALID.filter(([text]) => !text.startsWith("584"))) {
    assert.equal(nanoseconds(text), expected, text);
  }
});

test("other texts are refused", () => {
  for (const text of INVALID) {
    assert.throws(() => nanoseconds(text), DecodeError, text);
  }
  assert.throws(() => nanoseconds("\u001b[2J"), { message: /^invalid duration "\\u\{1b\}\[2J", expected a form like/ });
});

test("milliseconds keep fractions", () => {
  assert.equal(milliseconds("1s 2ms 500us"), 1002.5);
});
