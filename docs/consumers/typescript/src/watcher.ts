import type { Attributes } from "./attributes.js";

/** How an event follows the events before it. */
export type Observation =
  /** The next event of its goal and run, the first one seen, or one without a number. */
  | { readonly status: "next" }
  /** The pair of source and id was seen before. */
  | { readonly status: "duplicate" }
  /** A new event with a number that was passed before. */
  | { readonly status: "late" }
  /** `missing` events of the same goal and run were not seen. */
  | { readonly status: "gap"; readonly missing: bigint };

/** At most 20 digits of ASCII. */
const SEQUENCE = /^[0-9]{1,20}$/;
const MAX_U64 = 2n ** 64n - 1n;
const DEFAULT_REMEMBERED = 100_000;

/** Detects duplicates, gaps and late events, by their attributes. Memory is bounded: the oldest pairs are forgotten. */
export class Watcher {
  readonly #ids: Remembered<true>;
  readonly #lastSequences: Remembered<bigint>;

  /** Remembers so many pairs of source and id, and of goal and run. */
  constructor(remembered: number = DEFAULT_REMEMBERED) {
    this.#ids = new Remembered(remembered);
    this.#lastSequences = new Remembered(remembered);
  }

  /** Observes the next event. A consumer that does not read all kinds sees false gaps. */
  observe(attributes: Attributes): Observation {
    const { source, id, subject, producerrun, sequence = "" } = attributes;
    if (id !== undefined && id !== "") {
      const pair = JSON.stringify([source, id]);
      if (this.#ids.get(pair) === true) {
        return { status: "duplicate" };
      }
      this.#ids.set(pair, true);
    }
    if (producerrun === undefined || producerrun === "" || !SEQUENCE.test(sequence) || BigInt(sequence) > MAX_U64) {
      return { status: "next" };
    }
    const run = JSON.stringify([subject, producerrun]);
    const current = BigInt(sequence);
    const last = this.#lastSequences.get(run);
    this.#lastSequences.set(run, last !== undefined && last > current ? last : current);
    // The first event of a run is not a gap.
    if (last === undefined || current === last + 1n) {
      return { status: "next" };
    }
    return current <= last ? { status: "late" } : { status: "gap", missing: current - last - 1n };
  }
}

/** A map of bounded size, which forgets the key that was set least recently. */
class Remembered<T> {
  readonly #entries = new Map<string, T>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get(key: string): T | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: T): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.#max) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        break;
      }
    }
  }
}
