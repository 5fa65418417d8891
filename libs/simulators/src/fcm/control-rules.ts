import type { FcmScript } from './script.js';

/** Body of `POST /rules`; every part is optional. */
export interface FcmControlRules {
  readonly scripts?: readonly FcmScript[];
  /** Steps of the token endpoint. */
  readonly oauth?: Omit<FcmScript, 'token'>;
  readonly latencyMs?: number;
  /** GOAWAY on every connection. */
  readonly goaway?: boolean;
  /** Destroys every connection. */
  readonly drop?: boolean;
}
