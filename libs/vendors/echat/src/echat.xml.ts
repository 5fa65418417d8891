import { type ParsedInbound, parseFlatXml } from '@bellhop/contracts';

export interface EchatXml {
  /** Element name → all its values, in order, trimmed. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
  readonly parseMode: ParsedInbound['parseMode'];
}

/**
 * Reads a body strictly, and with {@link scanFields} when it is not well-formed: the samples of the vendor's own
 * documentation are not. Entity declarations must have been refused before.
 */
export function readEchatXml(text: string): EchatXml {
  const xml = text.replace(/^\uFEFF/, '').trim();
  const strict = parseFlatXml(xml);
  if (!strict) return { fields: scanFields(xml), parseMode: 'tolerant' };
  const trimmed = [...strict].map(([name, values]) => [name, values.map((value) => value.trim())] as const);
  return { fields: new Map(trimmed), parseMode: 'strict' };
}

/** Elements that are looked at: bounds the work on hostile input, of which every element may be searched to its end. */
const MAX_ELEMENTS = 100;
const MAX_NAME = 64;
const CDATA = '<![CDATA[';

/**
 * Collects leaf elements from XML with unclosed CDATA sections (`]]</name>`) and elements closed by another start tag
 * (`<viewUrl>…<viewUrl>`). Searches with indexOf alone: patterns that backtrack hang on long runs of blanks.
 */
export function scanFields(xml: string): Map<string, string[]> {
  const fields = new Map<string, string[]>();
  let at = xml.indexOf('<');
  for (let left = MAX_ELEMENTS; left > 0 && at !== -1; at = xml.indexOf('<', at)) {
    const name = startTagAt(xml, at);
    if (name === undefined) {
      at++;
      continue;
    }
    left--;
    at += name.length + 2;
    const leaf = leafAt(xml, name, at);
    if (!leaf) continue;
    fields.set(name, [...(fields.get(name) ?? []), leaf.value]);
    at = leaf.end;
  }
  return fields;
}

/** The name of the start tag at `at`; tags with attributes hold no field. */
function startTagAt(xml: string, at: number): string | undefined {
  const close = xml.slice(at + 1, at + 2 + MAX_NAME).indexOf('>');
  const name = xml.slice(at + 1, at + 1 + close);
  return close > 0 && /^[A-Za-z_][\w.-]*$/.test(name) ? name : undefined;
}

/** The text of an element whose content starts at `from`; undefined when it has no end or other elements inside. */
function leafAt(xml: string, name: string, from: number): { value: string; end: number } | undefined {
  const start = skipBlanks(xml, from);
  const isCdata = xml.startsWith(CDATA, start);
  const valueAt = isCdata ? start + CDATA.length : start;
  const end = endTag(xml, name, valueAt);
  if (!end) return undefined;
  const value = xml.slice(valueAt, end.at).trim();
  if (isCdata) return { value: value.replace(/(?:\]\]>|\]\]|\]>)$/, '').trim(), end: end.next };
  return value.includes('<') ? undefined : { value: decodeEntities(value), end: end.next };
}

/** `</name>`, or a second `<name>` that stands before it. */
function endTag(xml: string, name: string, from: number): { at: number; next: number } | undefined {
  const [closing, reopening] = [`</${name}>`, `<${name}>`].map((tag) => {
    const at = xml.indexOf(tag, from);
    return at === -1 ? undefined : { at, next: at + tag.length };
  });
  if (!closing || !reopening) return closing ?? reopening;
  return closing.at < reopening.at ? closing : reopening;
}

function skipBlanks(xml: string, from: number): number {
  const blanks = /\s*/y;
  blanks.lastIndex = from;
  blanks.test(xml);
  return blanks.lastIndex;
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function decodeEntities(text: string): string {
  return text.replace(/&(lt|gt|amp|quot|apos);/g, (_, name: string) => ENTITIES[name] ?? '');
}
