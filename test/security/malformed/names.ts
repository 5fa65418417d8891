import type { Random } from '../../chaos/stage/random.js';
import type { IdPrefix } from '../../../src/platform/ids.js';

/** What the parameters of paths name. */
const PREFIXES: Readonly<Record<string, IdPrefix>> = {
  appId: 'app',
  keyId: 'key',
  integrationId: 'int',
  deviceId: 'dev',
  eventId: 'evt',
  notificationId: 'ntf',
  deliveryId: 'dlv',
  templateId: 'tpl',
  webhookId: 'whk',
  messageId: 'whm',
  operatorId: 'opr',
  id: 'ntf',
};
/** Names that callers choose, or that the build has. */
const OTHERS: Readonly<Record<string, readonly string[]>> = {
  userId: ['u-1', 'u-2', 'u-3'],
  installationId: ['phone', 'tablet'],
  pluginId: ['nim', 'kf5', 'apns'],
  actionId: ['push-info', 'h5-link', 'access-token'],
};
const ID = /\b([a-z]{3})_[0-9a-f]{32}\b/g;
/** Of each kind; newer ones take the places of older ones. */
const MOST = 50;

/** Ids that answers have shown, for the paths of later requests. */
export class Names {
  private readonly known = new Map<string, string[]>();
  private turn = 0;

  /** @param reserved what must stay as it is, and is never named. */
  constructor(private readonly reserved: ReadonlySet<string>) {}

  /** Takes the ids out of an answer. */
  learn(text: string): void {
    for (const [id, prefix = ''] of text.matchAll(ID)) {
      if (this.reserved.has(id)) continue;
      const ids = this.known.get(prefix) ?? [];
      this.known.set(prefix, ids);
      if (ids.length < MOST) ids.push(id);
      else ids[this.turn++ % MOST] = id;
    }
  }

  pick(random: Random, parameter: string): string {
    const prefix = PREFIXES[parameter];
    const ids = (prefix && this.known.get(prefix)) ?? [];
    const roll = random.next();
    if (ids.length > 0 && roll < 0.8) return ids[Math.floor((roll / 0.8) * ids.length)] ?? '';
    return prefix ? `${prefix}_${'0'.repeat(32)}` : random.pick(OTHERS[parameter] ?? ['x']);
  }
}
