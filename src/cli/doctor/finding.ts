/** What a check found. */
export interface Finding {
  /** `database`, `schema`, … */
  readonly check: string;
  /** `warn`: it works, and somebody should look. `fail`: something does not work. */
  readonly state: 'ok' | 'warn' | 'fail';
  /** What was seen. */
  readonly detail: string;
  /** What to do; absent when all is well. */
  readonly fix?: string;
}

export const ok = (check: string, detail: string): Finding => ({ check, state: 'ok', detail });
export const warn = (check: string, detail: string, fix: string): Finding => ({ check, state: 'warn', detail, fix });
export const fail = (check: string, detail: string, fix: string): Finding => ({ check, state: 'fail', detail, fix });

/** `ok` below `warnAt`, `fail` from `failAt` on. */
export function graded(
  check: string,
  value: number,
  limits: { readonly warnAt: number; readonly failAt: number },
  words: { readonly detail: string; readonly fix: string },
): Finding {
  if (value >= limits.failAt) return fail(check, words.detail, words.fix);
  return value >= limits.warnAt ? warn(check, words.detail, words.fix) : ok(check, words.detail);
}

/** `95 s`, `12 min`, `3.1 h` */
export function lasting(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3_600).toFixed(1)} h`;
}

/** `512 MiB`, `1.5 GiB` */
export function sized(bytes: number): string {
  const mib = bytes / 1_048_576;
  return mib < 1_024 ? `${Math.round(mib)} MiB` : `${(mib / 1_024).toFixed(1)} GiB`;
}
