import type { Platform } from '@bellhop/contracts';
import type { AccountContent, ChatBody, NimContent, NotificationBody } from './nim.content.js';
import type { BroadcastMessageInput, ClientSystem } from './nim.inputs.js';
import { payloadText } from './nim.payload.js';

/** A call, apart from its address and credentials. */
export interface NimRequest {
  readonly api: 'v1' | 'v2';
  readonly method: 'POST' | 'PATCH';
  /** After the base address. */
  readonly path: string;
  /** Fields of the form, or the value that became JSON. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** Spelling of the push fields of messages: documented, or as the server SDKs write them. */
export type Spelling = 'documented' | 'sdk';

const NAMES = {
  documented: { copy: 'pushcontent', all: 'forcepushall', list: 'forcepushlist', forcedCopy: 'forcepushcontent' },
  sdk: { copy: 'pushContent', all: 'forcePushAll', list: 'forcePushList', forcedCopy: 'forcePushContent' },
} as const;

/** One message or notification for one account, or for the team that the content names. */
export function singleRequest(
  content: AccountContent,
  to: string,
  receipt: string | undefined,
  spelling: Spelling,
): NimRequest {
  const { from, body } = content;
  const scope = content.team ? '1' : '0';
  if (body.kind === 'message') {
    return form('/msg/sendMsg.action', { from, ope: scope, to, ...messageFields(content, body, receipt, spelling) });
  }
  return form('/msg/sendAttachMsg.action', { from, msgtype: scope, to, ...notificationFields(content, body, receipt) });
}

/** The same for several accounts. One payload serves them all, so there is no place for receipts. */
export function batchRequest(
  content: AccountContent,
  accounts: readonly string[],
  spelling: Spelling,
  withIds: boolean,
): NimRequest {
  const { from, body } = content;
  const to = { fromAccid: from, toAccids: JSON.stringify(accounts) };
  if (body.kind === 'notification') {
    return form('/msg/sendBatchAttachMsg.action', { ...to, ...notificationFields(content, body, undefined) });
  }
  const returnMsgid = withIds ? 'true' : undefined;
  return form('/msg/sendBatchMsg.action', { ...to, ...messageFields(content, body, undefined, spelling), returnMsgid });
}

function messageFields(content: NimContent, body: ChatBody, receipt: string | undefined, spelling: Spelling): Fields {
  const { copy, team, forced, env } = content;
  const names = NAMES[spelling];
  return {
    type: body.type,
    body: body.body,
    [names.copy]: copy,
    ...pushFields(content, receipt),
    [names.all]: forcesAll(content) ? 'true' : undefined,
    [names.list]: listOf(content),
    // Nobody is forced outside teams.
    [names.forcedCopy]: team && (forced || isNamed(team)) ? content.forcedCopy : undefined,
    env,
  };
}

function notificationFields(content: NimContent, body: NotificationBody, receipt: string | undefined): Fields {
  const { copy, sound, team, env } = content;
  const isForced = content.forced || (team !== undefined && isNamed(team));
  const { option, payload } = pushFields(content, receipt);
  return {
    attach: body.attach,
    pushcontent: copy,
    payload,
    sound,
    save: body.save?.toString(),
    option,
    // The default differs between editions of the documentation, so force is never left to it.
    isForcePush: isForced ? 'true' : undefined,
    forcePushContent: isForced ? content.forcedCopy : undefined,
    forcePushAll: forcesAll(content) ? 'true' : undefined,
    forcePushList: listOf(content),
    env,
  };
}

function pushFields({ payload, option }: NimContent, receipt: string | undefined) {
  return {
    payload: option.push === false ? undefined : payloadText(payload, receipt),
    option: Object.keys(option).length > 0 ? JSON.stringify(option) : undefined,
  };
}

function isNamed({ forcePushAll, forcePushList }: NonNullable<NimContent['team']>): boolean {
  return forcePushAll === true || forcePushList !== undefined;
}

/** A forced team message that names nobody is for everybody. */
function forcesAll({ team, forced }: NimContent): boolean {
  return team !== undefined && (team.forcePushAll ?? (forced && !team.forcePushList));
}

function listOf({ team }: NimContent): string | undefined {
  return team?.forcePushList && JSON.stringify(team.forcePushList);
}

const SYSTEMS: Readonly<Record<Platform, ClientSystem>> = { ios: 'ios', android: 'aos' };
const ALL_USERS = 1;
/** Seconds that NIM keeps a push for those who are away: seven days, as its broadcasts. */
const LONGEST_ROAM = 604_800;

/** Push to all users of some platforms. @param secondsLeft until the message is useless. */
export function everyoneRequest(
  { from, copy = '', payload, option }: NimContent,
  platforms: readonly Platform[],
  receipt: string | undefined,
  secondsLeft: number,
): NimRequest {
  const roam = Math.min(LONGEST_ROAM, Math.max(0, Math.floor(secondsLeft)));
  return json('POST', '/im/v2/push_notification', {
    content: copy,
    sender_account_id: from,
    target_type: ALL_USERS,
    target_os: platforms.map((platform) => SYSTEMS[platform]),
    roam_enabled: roam > 0,
    roam_expire_after: roam,
    push_config: {
      push_nick_enabled: option.needPushNick ?? false,
      push_badge_enabled: option.badge ?? true,
      push_content: copy,
      push_payload: payloadText(payload, receipt),
    },
  });
}

/** Whether the phone is pushed to while a desktop client is online; `donnopOpen` means the opposite. */
export function desktopPushRequest(accid: string, push: boolean, api: 'v1' | 'v2'): NimRequest {
  if (api === 'v1') return form('/user/setDonnop.action', { accid, donnopOpen: String(!push) });
  const path = `/im/v2/accounts/${encodeURIComponent(accid)}/actions/push_config`;
  return json('PATCH', path, { push_enabled_when_desktop_online: push });
}

/** @param sender who it comes from unless the input says so. */
export function broadcastRequest(input: BroadcastMessageInput, sender: string | undefined): NimRequest {
  return form('/msg/broadcastMsg.action', {
    body: input.body,
    from: input.from ?? sender,
    isOffline: input.keep?.toString(),
    ttl: input.keepHours?.toString(),
    targetOs: input.systems && JSON.stringify(input.systems),
  });
}

/** Reads and changes nothing. */
export function onlineStatusRequest(accounts: readonly string[]): NimRequest {
  return form('/user/userOnlineStatus.action', { accids: JSON.stringify(accounts) });
}

type Fields = Readonly<Record<string, string | undefined>>;

/** Objects and lists are JSON text inside a value. */
function form(path: string, all: Fields): NimRequest {
  const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const body = new URLSearchParams(given).toString();
  return { api: 'v1', method: 'POST', path, fields: Object.fromEntries(given), body };
}

function json(method: NimRequest['method'], path: string, value: Readonly<Record<string, unknown>>): NimRequest {
  const body = JSON.stringify(value);
  return { api: 'v2', method, path, fields: JSON.parse(body) as Record<string, unknown>, body };
}
