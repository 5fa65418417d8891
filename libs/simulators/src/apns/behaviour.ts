/** Every error a gateway documents, with its HTTP status. */
export const APNS_REASONS = {
  BadCollapseId: 400,
  BadDeviceToken: 400,
  BadExpirationDate: 400,
  BadMessageId: 400,
  BadPriority: 400,
  BadTopic: 400,
  DeviceTokenNotForTopic: 400,
  DuplicateHeaders: 400,
  IdleTimeout: 400,
  InvalidPushType: 400,
  MissingDeviceToken: 400,
  MissingTopic: 400,
  PayloadEmpty: 400,
  TopicDisallowed: 400,
  BadCertificate: 403,
  BadCertificateEnvironment: 403,
  BadEnvironmentKeyIdInToken: 403,
  BadEnvironmentKeyInToken: 403,
  ExpiredProviderToken: 403,
  Forbidden: 403,
  InvalidProviderToken: 403,
  MissingProviderToken: 403,
  UnrelatedKeyIdInToken: 403,
  BadPath: 404,
  MethodNotAllowed: 405,
  ExpiredToken: 410,
  Unregistered: 410,
  PayloadTooLarge: 413,
  TooManyProviderTokenUpdates: 429,
  TooManyRequests: 429,
  InternalServerError: 500,
  ServiceUnavailable: 503,
  Shutdown: 503,
} as const;
export type ApnsReason = keyof typeof APNS_REASONS;

/**
 * What may go wrong below the protocol's own errors.
 * `silence`: never answers. `drop`: destroys the socket. `reset…`: RST_STREAM. `goaway`: takes the request, then GOAWAY;
 * `goawayTwoStep`: announces with stream 2^31-1, then the real one, before the answer. `empty…`, `html…`, `reasonless…`:
 * an error whose body is empty, a proxy's page, or JSON without `reason`. `slow`: accepted after one second.
 */
export const APNS_FAULTS = [
  'silence',
  'drop',
  'resetInternal',
  'resetRefused',
  'resetCancel',
  'emptyBody',
  'emptyRefusal',
  'htmlPage',
  'reasonless',
  'goaway',
  'goawayTwoStep',
  'slow',
] as const;
export type ApnsFault = (typeof APNS_FAULTS)[number];

/** A hand-made answer. `body` wins over `reason`. */
export interface ApnsAnswer {
  readonly status: number;
  readonly reason?: string;
  /** Milliseconds since 1970, as the 410 answers carry it. */
  readonly timestamp?: number;
  readonly body?: string;
  readonly delayMs?: number;
}

/** How one request ends. JSON, so that the control endpoint takes it as it is. */
export type ApnsStep = 'ok' | ApnsReason | ApnsFault | ApnsAnswer;

/** Eight digits at the end of a token: `bad`, a status (`000` for faults) and a running number. */
const ENDINGS = new Map<string, ApnsStep>();
const ENDING_OF = new Map<ApnsStep, string>();

function define(step: ApnsStep, status: number, taken: Map<number, number>): void {
  const number = taken.get(status) ?? 0;
  taken.set(status, number + 1);
  const ending = `bad${String(status).padStart(3, '0')}${String(number).padStart(2, '0')}`;
  ENDINGS.set(ending, step);
  ENDING_OF.set(step, ending);
}

const taken = new Map<number, number>();
for (const fault of APNS_FAULTS) define(fault, 0, taken);
for (const [reason, status] of Object.entries(APNS_REASONS)) define(reason as ApnsReason, status, taken);

/** Tokens that begin so belong to the sandbox; all others belong to production. */
const SANDBOX = '5a4db0';
const PRODUCTION = 'c0ffee';

export interface ApnsTokenOptions {
  /** Tells tokens of one kind apart. Default 0. */
  readonly number?: number;
  /** Default `production`. */
  readonly environment?: 'production' | 'sandbox';
}

/** A device token (64 hexadecimal digits) that a simulator treats as `step`. */
export function apnsToken(step: 'ok' | ApnsReason | ApnsFault = 'ok', options: ApnsTokenOptions = {}): string {
  const head = options.environment === 'sandbox' ? SANDBOX : PRODUCTION;
  const ending = ENDING_OF.get(step) ?? '00000001';
  return head + (options.number ?? 0).toString(16).padStart(64 - head.length - ending.length, '0') + ending;
}

/** The number that {@link apnsToken} was given, below 2^32. */
export function numberOfToken(token: string): number {
  return Number.parseInt(token.slice(-16, -8), 16);
}

/** What the ending of a token asks for, if anything. */
export function stepOfToken(token: string): ApnsStep | undefined {
  return ENDINGS.get(token.slice(-8));
}

export function environmentOfToken(token: string): 'production' | 'sandbox' {
  return token.startsWith(SANDBOX) ? 'sandbox' : 'production';
}
