import { CommandRejectedError, isRecord, parseJson } from '@bellhop/contracts';

/**
 * The vendor's codes and the HTTP status that usually comes with them, by our own code.
 * Source: error codes of the server API; Unverified: the status of everything but the signature.
 */
export const REFUSALS = {
  'rongcloud.parameter_invalid': { code: 1002, status: 400 },
  'rongcloud.body_missing': { code: 1003, status: 400 },
  'rongcloud.too_long': { code: 1005, status: 400 },
  'rongcloud.wrong_type': { code: 1501, status: 400 },
  'rongcloud.too_many': { code: 1502, status: 400 },
  'rongcloud.body_too_large': { code: 1508, status: 413 },
  'rongcloud.path_unknown': { code: 404, status: 404 },
} as const;

type RefusalCode = keyof typeof REFUSALS extends `rongcloud.${infer Name}` ? Name : never;

/** @param words what the caller has to put right; names the parameter and never repeats its value. */
export function rejected(code: RefusalCode, words: string): CommandRejectedError {
  return new CommandRejectedError(`rongcloud.${code}`, words);
}

export interface TextLimit {
  /** Bytes of UTF-8. */
  readonly maxBytes?: number;
  readonly maxCharacters?: number;
}

/** The members of a JSON object. Whatever breaks a rule is refused under the vendor's code, with the member's name. */
export class Fields {
  private constructor(
    private readonly values: Readonly<Record<string, unknown>>,
    private readonly at: string,
  ) {}

  static of(body: Buffer): Fields {
    const value = parseJson(body.toString('utf8'));
    if (!isRecord(value)) throw rejected('parameter_invalid', 'The body must be a JSON object.');
    return new Fields(value, '');
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  text(name: string, limit: TextLimit = {}): string | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'string') throw rejected('wrong_type', `${this.at}${name} must be a string.`);
    checkLength(`${this.at}${name}`, value, limit);
    return value;
  }

  /** A text that must be there and hold something. */
  needText(name: string, limit: TextLimit = {}): string {
    const text = this.text(name, limit);
    if (!text) throw rejected('parameter_invalid', `${this.at}${name} is required.`);
    return text;
  }

  /** The distinct items of a list of texts; empty when it is absent. */
  texts(name: string, maxItems: number, limit: TextLimit = {}): readonly string[] {
    const value = this.get(name) ?? [];
    const where = `${this.at}${name}`;
    if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
      throw rejected('wrong_type', `${where} must be a list of strings.`);
    }
    return distinctTexts(where, value, maxItems, limit);
  }

  /** A list that must be there and hold something. */
  needTexts(name: string, maxItems: number, limit: TextLimit = {}): readonly string[] {
    const items = this.texts(name, maxItems, limit);
    if (items.length === 0) throw rejected('parameter_invalid', `${this.at}${name} is required.`);
    return items;
  }

  /** `true`, `"true"`, `false` or `"false"`; absent: false. */
  flag(name: string): boolean {
    const value = this.get(name) ?? false;
    if (value === true || value === 'true') return true;
    if (value === false || value === 'false') return false;
    throw rejected('wrong_type', `${this.at}${name} must be true or false.`);
  }

  integer(name: string): number | undefined {
    const value = this.get(name);
    if (value === undefined || Number.isSafeInteger(value)) return value as number | undefined;
    throw rejected('wrong_type', `${this.at}${name} must be an integer.`);
  }

  /** An object whose members are all texts. */
  textMap(name: string): Readonly<Record<string, string>> | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    if (!isRecord(value) || !Object.values(value).every((member) => typeof member === 'string')) {
      throw rejected('wrong_type', `${this.at}${name} must be an object of strings.`);
    }
    return value as Readonly<Record<string, string>>;
  }

  object(name: string): Fields | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    if (!isRecord(value)) throw rejected('wrong_type', `${this.at}${name} must be an object.`);
    return new Fields(value, `${this.at}${name}.`);
  }

  needObject(name: string): Fields {
    const object = this.object(name);
    if (!object) throw rejected('parameter_invalid', `${this.at}${name} is required.`);
    return object;
  }

  /** Serializers write `null` for what their caller left out. */
  private get(name: string): unknown {
    return Object.hasOwn(this.values, name) ? (this.values[name] ?? undefined) : undefined;
  }
}

/** Unverified: whether the vendor counts an item twice that is there twice. Here it counts once. */
export function distinctTexts(
  where: string,
  items: readonly string[],
  maxItems: number,
  limit: TextLimit = {},
): readonly string[] {
  const distinct = [...new Set(items)];
  if (distinct.length > maxItems) throw rejected('too_many', `${where} must have at most ${maxItems} items.`);
  if (distinct.includes('')) throw rejected('parameter_invalid', `${where} must not have an empty item.`);
  for (const item of distinct) checkLength(where, item, limit);
  return distinct;
}

function checkLength(where: string, text: string, { maxBytes, maxCharacters }: TextLimit): void {
  if (maxBytes !== undefined && Buffer.byteLength(text) > maxBytes) {
    throw rejected('too_long', `${where} must have at most ${maxBytes} bytes.`);
  }
  if (maxCharacters !== undefined && [...text].length > maxCharacters) {
    throw rejected('too_long', `${where} must have at most ${maxCharacters} characters.`);
  }
}
