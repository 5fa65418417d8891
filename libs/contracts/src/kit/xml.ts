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
  if (declaresEntities(xml) || XMLValidator.validate(xml) !== true) return undefined;
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

/** The parser refuses some names outright (`constructor`, `__proto__`). */
function parse(xml: string): Record<string, unknown[]> | undefined {
  try {
    return parser.parse(xml) as Record<string, unknown[]>;
  } catch {
    return undefined;
  }
}
