import assert from "node:assert/strict";
import { test } from "node:test";
import { Watcher } from "driver-events";

function event(sequence: string, run: string, id = `${run}.${sequence}`): Record<string, string> {
  return { source: "urn:a", id, subject: "goal", sequence, producerrun: run };
}

test("gaps, duplicates and late events are reported", () => {
  const watcher = new Watcher();
  for (const [sequence, run, expected] of [
    ["3", "1", { status: "next" }],
    ["4", "1", { status: "next" }],
    ["4", "1", { status: "duplicate" }],
    ["8", "1", { status: "gap", missing: 3n }],
    ["6", "1", { status: "late" }],
    ["9", "1", { status: "next" }],
    ["1", "2", { status: "next" }],
  ] as const) {
    assert.deepEqual(watcher.observe(event(sequence.padStart(20, "0"), run)), expected, `${run}.${sequence}`);
  }
});

test("events are duplicates if source and id are equal", () => {
  const watcher = new Watcher();
  const statuses = [
    { source: "urn:a", id: "1" },
    { source: "urn:b", id: "1" },
    { id: "1" },
    { source: "urn:a" },
    { source: "urn:a" },
    { source: "urn:a", id: "1" },
    { id: "1" },
  ].map((attributes) => watcher.observe(attributes).status);
  assert.deepEqual(statuses, ["next", "next", "next", "next", "next", "duplicate", "duplicate"]);
});

test("a sequence that is not a number of 64 bits is ignored", () => {
  const watcher = new Watcher();
  watcher.observe(event("1", "1"));
  for (const sequence of ["", "x", "-5", "+5", "5.0", "٥", "18446744073709551616", "000000000000000000005"]) {
    assert.deepEqual(watcher.observe(event(sequence, "1")), { status: "next" }, sequence);
  }
  const { producerrun: _, ...withoutRun } = event("7", "1");
  assert.deepEqual(watcher.observe(withoutRun), { status: "next" });
  const missing = 2n ** 64n - 3n;
  assert.deepEqual(watcher.observe(event("18446744073709551615", "1", "last")), { status: "gap", missing });
});

test("memory is bounded, and the oldest pairs are forgotten", () => {
  const watcher = new Watcher(2);
  for (const id of ["1", "2", "3"]) {
    watcher.observe({ id });
  }
  assert.equal(watcher.observe({ id: "3" }).status, "duplicate");
  assert.equal(watcher.observe({ id: "1" }).status, "next");
});
