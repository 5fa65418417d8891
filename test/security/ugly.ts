/** Texts that have broken programs: each with a name, for the messages of tests. */

/** Well-formed text without control characters: it may be used wherever text may stand, and must come out as it went in. */
export const STRANGE_TEXTS: Readonly<Record<string, string>> = {
  'four bytes': '𠮷野家𝒳',
  'family of joined emoji': '👩‍👩‍👧‍👦🏳️‍🌈',
  'flag of a region': '🏴󠁧󠁢󠁥󠁮󠁧󠁿🇨🇳',
  'combining marks': `Z͑ͫ̓ͪ̂ͫ̽͏̴̙${'\u0301'.repeat(20)}`,
  decomposed: 'e\u0301 is not \u00e9',
  'right-to-left override': '\u202Egnp.exe\u202C',
  'right-to-left text': 'שלום مرحبا',
  isolates: '\u2066a\u2067b\u2069',
  'zero width': 'a\u200Bb\u200Dc\u2060d\uFEFFe',
  'soft hyphen and tags': 'a\u00ADb\u{E0001}c',
  noncharacters: '\uFFFF\uFFFE\uFDD0\u{10FFFF}',
  'private use': '\uE000\u{F0000}',
  'line separators': 'a\u2028b\u2029c',
  'replacement character': 'a\uFFFDb',
  'odd blanks': 'a\u00A0b\u2003c\u3000d',
  'capital that grows': 'İıſßŉ',
};

/** What PostgreSQL cannot store as text: to be refused by name, never to fail. */
export const UNSTORABLE_TEXTS: Readonly<Record<string, string>> = {
  NUL: 'a\0b',
  'half a pair, high': 'a\ud83d',
  'half a pair, low': '\ude00b',
  'pair the wrong way round': '\ude00\ud83d',
};

/** Control characters: lines, colours and cursors of a terminal, in which logs are read. */
export const CONTROL_TEXTS: Readonly<Record<string, string>> = {
  'second line': 'a\n{"level":"fatal","msg":"forged"}',
  'carriage return': 'a\r\nX-Injected: yes\r\n\r\n',
  'colours of a terminal': '\u001b[31mred\u001b[0m\u001b]0;title\u0007',
  'C1 control': 'a\u009b31mb\u0085c',
  backspace: 'secret\b\b\b\b\b\b',
};

/** What means something to SQL, JSON paths, LIKE, files, addresses, templates, shells, HTML and spreadsheets. */
export const META_TEXTS: Readonly<Record<string, string>> = {
  'end of a statement': `'; DROP TABLE device; --`,
  'always true': `' OR '1'='1`,
  union: `x' UNION SELECT key_hash FROM api_key --`,
  'sleep of the database': `1); SELECT pg_sleep(30); --`,
  placeholder: '$1 :name ? %s %n {0}',
  'dollar quotes': '$$a$$ $q$b$q$',
  'LIKE pattern': '%_\\%',
  'array of PostgreSQL': '{"a",NULL,"b\\"}',
  quotes: `"''\`´‘’`,
  backslashes: '\\\\\\u0000\\x00',
  'parent folder': '../../../../etc/passwd',
  'parent folder, escaped': '..%2f..%2f%2e%2e/etc/passwd',
  'parent folder of Windows': '..\\..\\windows\\win.ini',
  'NUL, escaped': 'a%00.png',
  'dot segments': '/./../.',
  'another address': 'http://169.254.169.254/latest/meta-data/',
  script: '<script>alert(1)</script><img src=x onerror=alert(1)>',
  'script address': 'javascript:alert(1)',
  template: '{{constructor.constructor("return process")()}} ${7*7} <%= 7*7 %> {{{a}}}',
  shell: '$(id) `id` | id; id && id',
  formula: "=cmd|' /C calc'!A0",
  lookup: '${jndi:ldap://127.0.0.1/a}',
  prototype: '__proto__',
  constructor: 'constructor',
  'entity of XML': '&xxe;&lt;]]>',
};

/** Every ugly text there is. */
export const UGLY_TEXTS: readonly string[] = [STRANGE_TEXTS, UNSTORABLE_TEXTS, CONTROL_TEXTS, META_TEXTS].flatMap(
  (texts) => Object.values(texts),
);
