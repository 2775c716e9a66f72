/** A string, a number or a structural character of valid JSON. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|[[\]{},:]/gs;
/** Text without so many digits in a row, or such an exponent, has only exact integers and finite numbers. */
const SUSPICIOUS = /[0-9]{16}|[0-9][eE]\+?[0-9]{3}/;

/** The position in one array or object. */
interface Container {
  readonly isArray: boolean;
  index: number;
  key: string;
}

/** Numbers of a JSON text that a JavaScript number does not hold. */
export interface LossyNumbers {
  /** Paths of the integers that lost digits. */
  readonly inexact: readonly string[];
  /** Path of the first number beyond the range of f64. */
  readonly infinite: string | undefined;
}

/** Looks for numbers that `JSON.parse` has rounded. The text must be valid JSON. */
export function findLossyNumbers(json: string): LossyNumbers {
  const inexact: string[] = [];
  let infinite: string | undefined;
  if (!SUSPICIOUS.test(json)) {
    return { inexact, infinite };
  }
  const containers: Container[] = [];
  let isKey = false;
  for (const [token] of json.matchAll(TOKEN)) {
    const container = containers.at(-1);
    switch (token[0]) {
      case "{":
      case "[":
        containers.push({ isArray: token === "[", index: 0, key: "" });
        isKey = token === "{";
        break;
      case "}":
      case "]":
        containers.pop();
        isKey = false;
        break;
      case ",":
        if (container !== undefined) {
          container.index++;
          isKey = !container.isArray;
        }
        break;
      case ":":
        isKey = false;
        break;
      case '"':
        if (isKey && container !== undefined) {
          container.key = token;
        }
        break;
      default:
        if (!Number.isFinite(Number(token))) {
          infinite ??= path(containers);
        } else if (/^-?[0-9]{16,}$/.test(token) && BigInt(token) !== BigInt(Number(token))) {
          inexact.push(path(containers));
        }
    }
  }
  return { inexact, infinite };
}

function path(containers: readonly Container[]): string {
  let path = "";
  for (const { isArray, index, key } of containers) {
    path = isArray ? `${path}[${index}]` : joined(path, JSON.parse(key) as string);
  }
  return path;
}

/** Appends the name of a field to a path. */
export function joined(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}
