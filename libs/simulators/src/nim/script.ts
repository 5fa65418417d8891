/** A vendor code with its words. */
export interface NimRefusal {
  readonly code: number;
  readonly desc: string;
}

/**
 * How one request ends. A number is a vendor code. `antispam`: taken, and blocked by moderation. `drop`: the connection
 * ends and nothing was taken; `lost`: it ends after everything was taken. `silent`: no answer.
 */
export type NimStep =
  number | 'antispam' | 'drop' | 'lost' | 'silent' | NimRefusal | { readonly status: number; readonly body: string };

/** Steps of one account or team; the last one may be repeated for ever. */
export interface NimScript {
  /** Account or team that a request names, or `*` for every one without a script of its own. */
  readonly to: string;
  /** One step per request, in order. */
  readonly steps: readonly NimStep[];
  /** Default false. */
  readonly repeatLast?: boolean;
}
