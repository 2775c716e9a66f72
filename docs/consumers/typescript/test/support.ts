export const GOAL = "6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01";

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function escalate(fields: string): string {
  return `{"kind":"escalate","goal_id":"${GOAL}","reason":"x"${fields}}`;
}
