import mustache, { type TemplateSpans } from 'mustache';

/** A text in pieces: words as they stand, and the names of the variables between them. */
export type TemplateText = readonly ({ readonly words: string } | { readonly variable: string })[];

/** What a variable stands for; undefined when there is nothing. */
export type ValueReader = (name: string) => string | undefined;

/** What mustache knows besides plain variables. Copy has no logic, and nothing is escaped. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  ['#', 'must not hold sections such as {{#name}}'],
  ['^', 'must not hold sections such as {{^name}}'],
  ['>', 'must not hold partials such as {{>name}}'],
  ['!', 'must not hold comments such as {{!words}}'],
  ['=', 'must not change the delimiters'],
  ['&', 'must name variables as {{name}}: nothing is escaped, so {{{name}}} and {{&name}} have no meaning'],
]);
const UNCLOSED = 'holds a {{ without its }}';

/** Takes a text apart. `fault` continues "The text …". */
export function readText(source: string): { readonly text: TemplateText } | { readonly fault: string } {
  const spans = parse(source);
  if (typeof spans === 'string') return { fault: spans };
  const fault = spans.map(([type]) => REFUSED.get(type)).find(Boolean);
  return fault
    ? { fault }
    : { text: spans.map(([type, value]) => (type === 'text' ? { words: value } : { variable: value })) };
}

/** Mustache reads and nothing more: it would look variables up in prototypes, and call functions. */
function parse(source: string): TemplateSpans | string {
  try {
    // The writer of the library itself keeps every text it ever saw.
    return new mustache.Writer().parse(source, ['{{', '}}']) as TemplateSpans;
  } catch (error) {
    const { message } = error as Error;
    if (message.includes('section')) return REFUSED.get('#') as string;
    return message.includes('tags') ? (REFUSED.get('=') as string) : UNCLOSED;
  }
}

/** Names of the variables, each once. */
export function variablesIn(text: TemplateText): string[] {
  return [...new Set(text.flatMap((piece) => ('variable' in piece ? [piece.variable] : [])))];
}

/** The text with its values in place; undefined when one of them is missing, or nothing is left to read. */
export function renderText(text: TemplateText, read: ValueReader): string | undefined {
  const pieces = text.map((piece) => ('words' in piece ? piece.words : read(piece.variable)));
  return pieces.includes(undefined) ? undefined : pieces.join('').trim() || undefined;
}
