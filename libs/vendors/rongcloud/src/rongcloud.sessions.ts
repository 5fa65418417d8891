import { boundedKey, type ClientType, type InboundEvent, isoTime, isRecord, textOf } from '@bellhop/contracts';

/** `0` is online: the opposite of what one expects. Source: "用户在线状态订阅". */
export const SESSION_STATES = { '0': 'online', '1': 'offline', '2': 'loggedOut' } as const;

export interface SessionChange {
  readonly userid: string;
  readonly status: keyof typeof SESSION_STATES;
  readonly os?: string;
  /** Milliseconds. */
  readonly time?: string;
  /** One per connection. */
  readonly sessionId?: string;
}

export function readSessionChange(item: unknown): SessionChange | undefined {
  if (!isRecord(item)) return undefined;
  const [userid, status] = [textOf(item.userid), textOf(item.status)];
  if (!userid || !status || !Object.hasOwn(SESSION_STATES, status)) return undefined;
  return {
    userid,
    status: status as SessionChange['status'],
    os: textOf(item.os),
    time: textOf(item.time),
    sessionId: textOf(item.sessionId),
  };
}

/** A mini program runs on phones and desktops alike. */
const CLIENTS: ReadonlyMap<string, ClientType> = new Map([
  ['ios', 'mobile'],
  ['android', 'mobile'],
  ['harmonyos', 'mobile'],
  ['websocket', 'desktop'],
  ['pc', 'desktop'],
]);

export function clientTypeOf(os = ''): ClientType {
  return CLIENTS.get(os.toLowerCase()) ?? 'unknown';
}

/** Late events arrive too; whoever keeps the states compares the times. */
export function toPresenceEvent({ userid, status, os, time, sessionId }: SessionChange): InboundEvent {
  return {
    kind: 'presence.changed',
    key: boundedKey(`rongcloud:presence:${[userid, sessionId, status, time].join('|')}`),
    occurredAt: isoTime(time),
    recipient: { identities: [{ kind: 'rongcloud.user_id', value: userid }], devices: [] },
    presence: {
      state: SESSION_STATES[status],
      client: clientTypeOf(os),
      session: sessionId ?? os ?? 'default',
    },
    push: { notify: false },
    attributes: os ? { os } : {},
  };
}
