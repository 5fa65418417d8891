import { RECEIPT_KEY } from '@bellhop/contracts';
import {
  type ApnsRequest,
  apnsTestCredentials,
  type ApnsSimulator,
  type ApnsSimulatorOptions,
  type FcmRequest,
  type FcmSimulator,
  type FcmSimulatorOptions,
  startApnsSimulator,
  startFcmSimulator,
  startWebhookReceiver,
  type WebhookReceiver,
} from '@bellhop/simulators';
import { dashed } from '../../../src/platform/ids.js';

/** A push that a gateway took. */
export interface Push {
  readonly channel: 'apns' | 'fcm';
  readonly token: string;
  /** UUIDs, out of the receipt that every push carries. */
  readonly appId: string;
  readonly deliveryId: string;
  /** `mark-7!` of a callback, `ask-7!` of a request. */
  readonly mark: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** False: the caller went away before the answer, so a real gateway may or may not have passed it on. */
  readonly answered: boolean;
}

const MARK = /(?:mark|ask)-\d+!/;
const UUID_BYTES = 16;

/** Everything outside of the platform that it calls. It outlives the platform and remembers every call. */
export class Gateways {
  private constructor(
    readonly apns: ApnsSimulator[],
    readonly fcm: readonly FcmSimulator[],
    readonly receiver: WebhookReceiver,
  ) {}

  /** @param record calls that each of them keeps; must be more than will come. */
  static async start(options: {
    readonly record: number;
    readonly apns?: readonly Partial<ApnsSimulatorOptions>[];
    readonly fcm?: readonly FcmSimulatorOptions[];
  }): Promise<Gateways> {
    const { record, apns = [{ latencyMs: [5, 50] }], fcm = [{ latencyMs: 20 }] } = options;
    const credentials = apnsTestCredentials();
    return new Gateways(
      await Promise.all(apns.map((own) => startApnsSimulator({ credentials, record, ...own }))),
      await Promise.all(fcm.map((own) => startFcmSimulator({ record, ...own }))),
      await startWebhookReceiver({ record }),
    );
  }

  /** Every push that was taken, in the order of each gateway. */
  get pushes(): readonly Push[] {
    return [...this.apns.flatMap(apnsPushes), ...this.fcm.flatMap(fcmPushes)];
  }

  /** Deliveries that were pushed more than once so far. */
  get pushedTwice(): ReadonlySet<string> {
    const seen = new Set<string>();
    const twice = new Set<string>();
    for (const { deliveryId } of this.pushes) (seen.has(deliveryId) ? twice : seen).add(deliveryId);
    return twice;
  }

  /** Calls that came in and have no outcome yet, or none that was kept. */
  get unaccounted(): number {
    const missing = [...this.apns, ...this.fcm].map(({ counters, requests }) => counters.requests - requests.length);
    return missing.reduce((sum, count) => sum + count, 0);
  }

  /** One that was started elsewhere; whoever did so closes it. */
  add(apns: ApnsSimulator): void {
    this.apns.push(apns);
  }

  async close(): Promise<void> {
    await Promise.all([...this.apns, ...this.fcm, this.receiver].map((gateway) => gateway.close()));
  }
}

/** A journal only grows: what is known of its requests stays so. */
const known = new WeakMap<object, readonly Push[]>();

function remembered<R extends object>(request: R, read: (request: R) => readonly Push[]): readonly Push[] {
  let pushes = known.get(request);
  if (!pushes) {
    pushes = read(request);
    known.set(request, pushes);
  }
  return pushes;
}

const apnsPushes = ({ requests }: ApnsSimulator) => requests.flatMap((request) => remembered(request, apnsPush));
const fcmPushes = ({ requests }: FcmSimulator) => requests.flatMap((request) => remembered(request, fcmPush));

function apnsPush({ answer, token, payload, at }: ApnsRequest): readonly Push[] {
  // Without its body it was cut off on the way in, and no gateway could pass it on.
  if (answer !== '200' && (answer !== 'abandoned' || payload === undefined)) return [];
  const { [RECEIPT_KEY]: receipt } = (payload ?? {}) as Record<string, unknown>;
  const push = { channel: 'apns', token, at: at.getTime(), answered: answer === '200' } as const;
  return [{ ...push, ...subjectOf(receipt), mark: markOf(payload) }];
}

function fcmPush({ answer, token, message, at, validateOnly }: FcmRequest): readonly Push[] {
  if (answer !== '200' || validateOnly) return [];
  const push = { channel: 'fcm', token, at: at.getTime(), answered: true } as const;
  return [{ ...push, ...subjectOf(message?.data?.[RECEIPT_KEY]), mark: markOf(message) }];
}

/** A receipt is base64url of app, delivery and signature. */
function subjectOf(receipt: unknown): Pick<Push, 'appId' | 'deliveryId'> {
  const hex = typeof receipt === 'string' ? Buffer.from(receipt, 'base64url').toString('hex') : '';
  const uuid = (place: number): string => dashed(hex.slice(place * UUID_BYTES * 2, (place + 1) * UUID_BYTES * 2));
  return { appId: uuid(0), deliveryId: uuid(1) };
}

const markOf = (payload: unknown): string => MARK.exec(JSON.stringify(payload ?? ''))?.[0] ?? '';
