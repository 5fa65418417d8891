/** A parsed body, and whether it had to be repaired first. */
export interface LenientJson {
  readonly value: unknown;
  readonly mode: 'strict' | 'tolerant';
}

/**
 * Strict JSON first; then once more without the commas that stand before `}` or `]` outside strings,
 * which some vendors' documentation shows. A byte order mark is skipped.
 * @throws {SyntaxError} when neither reading works.
 */
export function parseLenientJson(body: Buffer): LenientJson {
  const text = body.toString('utf8').replace(/^\uFEFF/, '');
  try {
    return { value: JSON.parse(text), mode: 'strict' };
  } catch {
    return { value: JSON.parse(withoutTrailingCommas(text)), mode: 'tolerant' };
  }
}

function withoutTrailingCommas(text: string): string {
  const kept: string[] = [];
  let inString = false;
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (inString) {
      if (char === '\\') i++;
      else if (char === '"') inString = false;
    } else if (char === '"') {
      inString = true;
    } else if (char === ',') {
      let next = i + 1;
      while (/\s/.test(text[next] ?? '')) next++;
      if (text[next] === '}' || text[next] === ']') {
        kept.push(text.slice(from, i));
        from = i + 1;
      }
      i = next - 1;
    }
  }
  kept.push(text.slice(from));
  return kept.join('');
}

/** Strict JSON; undefined for everything else. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** True for the JSON text of an object. */
export const isJsonObject = (text: string): boolean => isRecord(parseJson(text));

/**
 * Strict JSON whose numbers arrive as the text they were written in, so that ids of 64 bits survive;
 * undefined for everything else. Numbers nested thousands deep are not read either.
 */
export function parseExactJson(text: string): unknown {
  if (text.trim() === '') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    // A reviver costs several times the parsing, and most bodies hold no number.
    if (!holdsNumber(value)) return value;
    return JSON.parse(text, (_name, part: unknown, context?: { source?: string }) =>
      typeof part === 'number' ? (context?.source ?? part) : part,
    );
  } catch {
    return undefined;
  }
}

function holdsNumber(value: unknown): boolean {
  const open = [value];
  for (let part = open.pop(); part !== undefined; part = open.pop()) {
    if (typeof part === 'number') return true;
    if (typeof part === 'object' && part !== null) for (const inner of Object.values(part)) open.push(inner);
  }
  return false;
}

/** True for `{…}`, false for arrays, null and scalars. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Trimmed text of a string or number, undefined for everything else and for blanks. Ids come as either. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}

/** A number that is not negative, written as number or text; undefined for everything else. */
export function countOf(value: unknown): number | undefined {
  const text = textOf(value);
  return text && /^\d{1,15}(?:\.\d{1,15})?$/.test(text) ? Number(text) : undefined;
}

/** The values that are there and not empty: extras and attributes hold no others. */
export function definedOnly(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => Boolean(entry[1])));
}
