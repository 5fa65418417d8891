import { XMLParser, XMLValidator } from 'fast-xml-parser';

/** Declarations that can name entities or files. Refused before any parser sees the text. */
export function declaresEntities(xml: string): boolean {
  return /<!(?:DOCTYPE|ENTITY)/i.test(xml);
}

const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  // The five predefined ones, outside CDATA only; nothing else can be declared.
  processEntities: true,
  trimValues: true,
  // Every element becomes an array, so that an element that occurs twice is seen.
  isArray: (_name, _path, _leaf, isAttribute) => !isAttribute,
});

/**
 * Reads a flat document, `<xml><name>value</name>…</xml>`, strictly: well-formed, no entities beyond the five.
 * Numbers stay text, since ids exceed 2^53; CDATA stays as it is. An element with children counts as empty.
 * @returns every element with all its values, or undefined when the text is not well-formed XML.
 */
export function parseFlatXml(xml: string): Map<string, string[]> | undefined {
  if (declaresEntities(xml)) return undefined;
  const plain = readPlain(xml);
  if (plain) return plain;
  if (XMLValidator.validate(xml) !== true) return undefined;
  const document = parse(xml);
  if (!document) return undefined;
  const root = Object.entries(document).find(([name]) => !name.startsWith('?'))?.[1]?.[0];
  const fields = new Map<string, string[]>();
  if (typeof root !== 'object' || root === null) return fields;
  for (const [name, values] of Object.entries(root)) {
    if (name === '#text') continue;
    fields.set(
      name,
      (values as unknown[]).map((value) => (typeof value === 'string' ? value : '')),
    );
  }
  return fields;
}

const START = /[ \t\n]*<([A-Za-z]\w*)>/y;
const CDATA = '<![CDATA[';
const CDATA_END = ']]>';

interface Tag {
  readonly name: string;
  /** Where its content begins. */
  readonly end: number;
}

/**
 * The form that vendors write: elements without attributes, each with one CDATA section or plain text. Finding them takes
 * a fraction of the time that validating and parsing do. Undefined for anything else, well-formed or not.
 */
function readPlain(xml: string): Map<string, string[]> | undefined {
  const root = startTag(xml, 0);
  if (!root || xml.includes('\r')) return undefined;
  const fields = new Map<string, string[]>();
  let at = root.end;
  for (let tag = startTag(xml, at); tag; tag = startTag(xml, at)) {
    const content = plainContent(xml, tag);
    if (!content) return undefined;
    at = content.end;
    const known = fields.get(tag.name);
    if (known) known.push(content.value);
    else fields.set(tag.name, [content.value]);
  }
  const [before, after, ...others] = xml.slice(at).split(`</${root.name}>`);
  const isWhole = others.length === 0 && isBlank(before) && isBlank(after);
  return isWhole ? fields : undefined;
}

const isBlank = (text: string | undefined): boolean => text !== undefined && /^[ \t\n]*$/.test(text);

/** Undefined too where the parser refuses the name. */
function startTag(xml: string, at: number): Tag | undefined {
  START.lastIndex = at;
  const name = START.exec(xml)?.[1];
  return name === undefined || name in {} || name === 'prototype' ? undefined : { name, end: START.lastIndex };
}

/** CDATA as it is, text trimmed; undefined when something else follows than the end of the element. */
function plainContent(xml: string, { name, end }: Tag): { readonly value: string; readonly end: number } | undefined {
  const isCdata = xml.startsWith(CDATA, end);
  const from = isCdata ? end + CDATA.length : end;
  const to = xml.indexOf(isCdata ? CDATA_END : '<', from);
  const closing = `</${name}>`;
  const closingAt = isCdata ? to + CDATA_END.length : to;
  if (to < 0 || !xml.startsWith(closing, closingAt)) return undefined;
  const text = xml.slice(from, to);
  if (!isCdata && /[&>]/.test(text)) return undefined;
  return { value: isCdata ? text : text.trim(), end: closingAt + closing.length };
}

/** The parser refuses some names outright (`constructor`, `__proto__`). */
function parse(xml: string): Record<string, unknown[]> | undefined {
  try {
    return parser.parse(xml) as Record<string, unknown[]>;
  } catch {
    return undefined;
  }
}
