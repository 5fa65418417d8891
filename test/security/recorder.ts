/** Something that must not turn up, and the spellings under which it might. */
export interface Marker {
  /** For people: what it is. */
  readonly what: string;
  readonly value: string;
}

/** Where one turned up. */
export interface Hit {
  readonly what: string;
  readonly where: string;
  /** Some characters around it. */
  readonly around: string;
}

const CONTEXT = 60;

/** As it is, in hexadecimal, in base64 wherever it begins, escaped for an address, and escaped for JSON. */
export function spellingsOf(value: string): string[] {
  const bytes = Buffer.from(value);
  const base64 = [0, 1, 2].map((lead) => {
    const text = Buffer.concat([Buffer.alloc(lead), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    // The first and the last characters also stand for bits of what is beside it.
    return text.slice(lead === 0 ? 0 : 4, -1);
  });
  const all = [
    value,
    value.toLowerCase(),
    bytes.toString('hex'),
    ...base64,
    ...base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
    encodeURIComponent(value),
    JSON.stringify(value).slice(1, -1),
  ];
  return [...new Set(all)].filter((text) => text.length >= 8);
}

/** Collects everything that leaves the platform, and searches it. */
export class Recorder {
  private readonly texts: { readonly where: string; readonly text: string }[] = [];

  add(where: string, text: string): void {
    this.texts.push({ where, text });
  }

  get size(): number {
    return this.texts.length;
  }

  /** Characters that were collected. */
  get length(): number {
    return this.texts.reduce((sum, { text }) => sum + text.length, 0);
  }

  find(markers: readonly Marker[], places: RegExp = /./): Hit[] {
    return markers.flatMap(({ what, value }) =>
      spellingsOf(value).flatMap((spelling) =>
        this.texts.flatMap(({ where, text }) => {
          const at = places.test(where) ? text.indexOf(spelling) : -1;
          return at < 0 ? [] : { what, where, around: text.slice(Math.max(0, at - CONTEXT), at + CONTEXT) };
        }),
      ),
    );
  }
}
