import { WorkLoops } from '../../src/core/work-loops.js';
import { type ApiReply, eventually, type TestPlatform } from './app.js';
import type { Shop } from './shop.js';

/** A delivery as the API shows it. */
export interface DeliveryAnswer {
  readonly id: string;
  readonly channel: string | null;
  readonly deviceId: string | null;
  readonly userId: string | null;
  readonly state: string;
  readonly reason: string | null;
  readonly detail: string | null;
  readonly target: object | null;
  readonly attempts: readonly { readonly outcome: string; readonly vendorCode?: string }[];
  readonly notBefore: string | null;
  readonly vendorMessageId: string | null;
}

/** A problem document. */
export interface Refused {
  readonly code: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly field: string; readonly message: string }[];
}

/** Status, code and the fields that are named, each once. */
export function refusalOf({ status, body }: ApiReply<Refused>): readonly [number, string, ...string[]] {
  return [status, body.code, ...new Set((body.errors ?? []).map(({ field }) => field))];
}

/** The time of a platform and of a vendor's simulator, moved by hand. */
export class SharedClock {
  private at: Date;

  constructor(
    private readonly platform: TestPlatform,
    start: Date | string,
  ) {
    this.at = this.moveTo(start);
  }

  readonly now = (): Date => new Date(this.at);

  moveTo(moment: Date | string): Date {
    this.at = new Date(moment);
    this.platform.setTime(this.at);
    return this.at;
  }

  /** Moves on, and does what the sweep would do then. */
  async sweepAt(moment: Date | string): Promise<void> {
    this.moveTo(moment);
    await this.platform.app.get(WorkLoops).sweep();
  }
}

/** An app that sends through one channel. */
export class Outlet {
  constructor(
    readonly shop: Shop,
    readonly channel: { readonly id: string; readonly publicId: string },
  ) {}

  ask<T = Refused & { readonly id: string }>(body: object, path = '/v1/notifications'): Promise<ApiReply<T>> {
    return this.shop.app.call<T>('POST', path, { channel: this.channel.publicId, ...body });
  }

  /** Asks for a push, which must be accepted; its id. */
  notify(audience: object, content: object = { body: 'Hello' }, more: object = {}): Promise<string> {
    return this.shop.notify(audience, content, { channel: this.channel.publicId, ...more });
  }

  async deliveries(notificationId: string): Promise<readonly DeliveryAnswer[]> {
    const path = `/v1/notifications/${notificationId}/deliveries`;
    const { body } = await this.shop.app.call<{ data: DeliveryAnswer[] }>('GET', path);
    return body.data.toReversed();
  }

  /** The deliveries once none of them is queued or being sent, oldest first. */
  rested(notificationId: string): Promise<readonly DeliveryAnswer[]> {
    return eventually(async () => {
      const all = await this.deliveries(notificationId);
      return all.length > 0 && all.every(({ state }) => state !== 'queued' && state !== 'sending') && all;
    });
  }

  /** Asks for a push and waits until its deliveries rest. */
  async send(...asked: Parameters<Outlet['notify']>): Promise<readonly DeliveryAnswer[]> {
    return this.rested(await this.notify(...asked));
  }
}
