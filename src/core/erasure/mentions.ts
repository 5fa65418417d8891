/** Texts this long, or shorter ones with a digit, stand for nothing else than what they name: no word of a protocol does. */
const SURE_LENGTH = 16;
const SURE_LENGTH_WITH_DIGIT = 6;
/** Shorter ones are looked for nowhere but where names stand: every body has a "7". */
const LEAST_LENGTH = 4;

/**
 * Names that can be recognised anywhere. A person may be called "text" or "7": where such a word stands in a message, it
 * says nothing about the person.
 */
export function sureNames(names: readonly string[]): string[] {
  return names.filter(
    (name) => name.length >= SURE_LENGTH || (name.length >= SURE_LENGTH_WITH_DIGIT && /\d/.test(name)),
  );
}

/** Names that are looked for where it is not known what stands where, and where more may go than has to. */
export function likelyNames(names: readonly string[]): string[] {
  return names.filter((name) => name.length >= LEAST_LENGTH);
}

/** As it may stand in JSON, in an address, in XML, and in a token that is not encrypted. */
export function spellingsOf(name: string): readonly string[] {
  const text = name.toWellFormed();
  const json = JSON.stringify(text).slice(1, -1);
  const ascii = json.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const xml = text.replace(/[&<>]/g, (sign) => XML[sign] as string);
  return [...new Set([text, json, ascii, encodeURIComponent(text), xml, Buffer.from(text).toString('base64url')])];
}

const XML: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Whether one of the names stands in the text as a word of its own: `u-100` does not stand in `u-1001`. */
export function mentions(text: string, names: readonly string[]): boolean {
  return names.some((name) => standsIn(text, name));
}

/** The same in bytes of UTF-8. */
export function mentionsInBytes(bytes: Uint8Array, names: readonly string[]): boolean {
  const text = Buffer.from(bytes).toString('latin1');
  return names.some((name) => standsIn(text, Buffer.from(name).toString('latin1')));
}

function standsIn(text: string, name: string): boolean {
  if (name === '') return false;
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    if (!isWordPart(text[at - 1]) && !isWordPart(text[at + name.length])) return true;
  }
  return false;
}

const isWordPart = (sign: string | undefined): boolean => sign !== undefined && /[0-9A-Za-z]/.test(sign);
