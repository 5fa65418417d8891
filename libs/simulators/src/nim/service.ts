import type { NimPush } from './ledger.js';
import {
  batchFault,
  broadcastFault,
  desktopFault,
  Form,
  isObject,
  param,
  parse,
  pushFault,
  singleFault,
} from './params.js';
import type { NimRefusal } from './script.js';

/** A call that has passed its checks. */
export interface Accepted {
  /** Accounts, or the team, that scripts go by. */
  readonly targets: readonly string[];
  /** Does what was asked; the answer's members beside `code`. */
  perform(blocked: boolean): object;
}

export interface Call {
  /** As sent, for the record. */
  readonly params: Readonly<Record<string, unknown>> | undefined;
  readonly api: 'v1' | 'v2';
  /** Counts for the rate of `sendMsg`. */
  readonly limited: boolean;
  judge(): NimRefusal | Accepted;
}

type FormHandler = (form: Form) => NimRefusal | Accepted;
type Kind = 'message' | 'notification';

/** Where messages and calls leave their traces. */
export interface Traces {
  /** Milliseconds since 1970. */
  now(): number;
  push(push: NimPush): void;
}

const NOT_FOUND = (what: string): NimRefusal => ({ code: 404, desc: `${what} not exist` });
const NO_TEAM: NimRefusal = { code: 803, desc: 'team not exist' };
const PUSH_CONFIG = /^\/im\/v2\/accounts\/([^/]+)\/actions\/push_config$/;
const PUSH_STATE = /^\/im\/v2\/push_notification\/(\d+)$/;

/** Accounts, teams and what the calls do to them. */
export class Service {
  readonly accounts = new Set<string>();
  /** By account: whether the phone is pushed to while a desktop client is online. */
  readonly pushWhenDesktopOnline = new Map<string, boolean>();
  readonly #broadcasts = new Map<string, unknown>();
  readonly #forms: Readonly<Record<string, FormHandler>> = {
    '/msg/sendMsg.action': (form) => this.#single(form, 'message'),
    '/msg/sendAttachMsg.action': (form) => this.#single(form, 'notification'),
    '/msg/sendBatchMsg.action': (form) => this.#batch(form, 'message'),
    '/msg/sendBatchAttachMsg.action': (form) => this.#batch(form, 'notification'),
    '/msg/broadcastMsg.action': (form) => this.#broadcast(form),
    '/user/setDonnop.action': (form) => this.#desktop(form),
    '/user/userOnlineStatus.action': (form) => this.#online(form),
  };
  // Beyond 2^53, so that every client shows whether it keeps the digits.
  #lastId = 9_007_199_254_740_992n;

  constructor(
    private readonly traces: Traces,
    private readonly teams: Readonly<Record<string, readonly string[]>>,
    private readonly unregisterAsText: boolean,
  ) {}

  /** Undefined: no such call. */
  call(method: string, path: string, body: string): Call | undefined {
    const name = path.replace(/^\/nimserver/, '');
    const handler = method === 'POST' ? this.#forms[name] : undefined;
    if (!handler) return this.#callV2(`${method} ${name}`, name, body);
    const form = new Form(body);
    return { params: form.sent, api: 'v1', limited: name === '/msg/sendMsg.action', judge: () => handler(form) };
  }

  #callV2(route: string, path: string, body: string): Call | undefined {
    const value = parse(body);
    const params = isObject(value) ? value : undefined;
    const judge = this.#judgeV2(route, path, params);
    return judge && { params, api: 'v2', limited: false, judge };
  }

  #judgeV2(
    route: string,
    path: string,
    params: Record<string, unknown> | undefined,
  ): (() => NimRefusal | Accepted) | undefined {
    if (route === 'POST /im/v2/push_notification') return () => pushFault(params) ?? this.#pushToAll(params!);
    const state = route.startsWith('GET ') ? PUSH_STATE.exec(path)?.[1] : undefined;
    if (state !== undefined) return () => this.#pushState(state);
    const account = route.startsWith('PATCH ') ? PUSH_CONFIG.exec(path)?.[1] : undefined;
    return account === undefined ? undefined : () => this.#pushConfig(decodeURIComponent(account), params);
  }

  #single(form: Form, kind: Kind): NimRefusal | Accepted {
    const fault = singleFault(form, kind) ?? this.#partyFault(form, kind);
    if (fault) return fault;
    const to = form.text('to')!;
    const isTeam = form.text(kind === 'message' ? 'ope' : 'msgtype') === '1';
    const receivers = isTeam ? this.#members(to, form.text('from')) : [to];
    const perform = (blocked: boolean) => {
      const messageId = this.#nextId();
      if (!blocked) this.#push(form, kind, new Map(receivers.map((accid) => [accid, messageId])), isTeam);
      const data = { msgid: exact(messageId), timetag: this.traces.now(), antispam: blocked };
      return kind === 'message' ? { data } : {};
    };
    return { targets: [to], perform };
  }

  #batch(form: Form, kind: Kind): NimRefusal | Accepted {
    const fault = batchFault(form, kind) ?? this.#accountFault(form.text('fromaccid'), 'from');
    if (fault) return fault;
    const accounts = form.list('toaccids')!;
    const perform = (blocked: boolean) => {
      const ids = new Map(accounts.filter((accid) => this.accounts.has(accid)).map((accid) => [accid, this.#nextId()]));
      if (!blocked) this.#push(form, kind, ids, false);
      return this.#batchAnswer(form, accounts, ids);
    };
    return { targets: accounts, perform };
  }

  #batchAnswer(form: Form, accounts: readonly string[], ids: ReadonlyMap<string, string>): object {
    const unregistered = accounts.filter((accid) => !ids.has(accid));
    const msgids = Object.fromEntries([...ids].map(([accid, id]) => [accid, exact(id)]));
    return {
      timetag: this.traces.now(),
      unregister: this.unregisterAsText ? JSON.stringify(unregistered) : unregistered,
      ...(form.flag('returnmsgid') && { msgids }),
    };
  }

  #broadcast(form: Form): NimRefusal | Accepted {
    const from = form.text('from');
    const fault = broadcastFault(form) ?? (from === undefined ? undefined : this.#accountFault(from, 'from'));
    if (fault) return fault;
    const perform = () => ({ msg: { broadcastId: exact(this.#nextId()), expireTime: this.traces.now() } });
    return { targets: [], perform };
  }

  #desktop(form: Form): NimRefusal | Accepted {
    const fault = desktopFault(form) ?? this.#accountFault(form.text('accid'), 'accid');
    const perform = () => {
      this.pushWhenDesktopOnline.set(form.text('accid')!, !form.flag('donnopopen'));
      return {};
    };
    return fault ?? { targets: [form.text('accid')!], perform };
  }

  #online(form: Form): NimRefusal | Accepted {
    const accounts = form.list('accids');
    if (!accounts) return param('accids');
    const known = accounts.filter((accid) => this.accounts.has(accid));
    const invalidAccids = accounts.filter((accid) => !this.accounts.has(accid));
    const perform = () => ({ invalidAccids, status: Object.fromEntries(known.map((accid) => [accid, []])) });
    return { targets: accounts, perform };
  }

  #pushToAll(params: Record<string, unknown>): NimRefusal | Accepted {
    const sender = params['sender_account_id'];
    const fault = sender === undefined ? undefined : this.#accountFault(sender, 'sender_account_id');
    if (fault) return fault;
    const perform = () => {
      const id = this.#nextId();
      this.#broadcasts.set(id, params);
      for (const accid of this.accounts) this.#pushFromConfig(accid, params, id);
      return { data: { push_id: exact(id) } };
    };
    return { targets: [], perform };
  }

  #pushState(id: string): NimRefusal | Accepted {
    const data = this.#broadcasts.get(id);
    return data ? { targets: [], perform: () => ({ data }) } : NOT_FOUND('push_id');
  }

  #pushConfig(accid: string, params: Record<string, unknown> | undefined): NimRefusal | Accepted {
    const on = params?.['push_enabled_when_desktop_online'];
    if (typeof on !== 'boolean') return param('push_enabled_when_desktop_online');
    const perform = () => {
      this.pushWhenDesktopOnline.set(accid, on);
      return { data: {} };
    };
    return this.#accountFault(accid, 'account') ?? { targets: [accid], perform };
  }

  #partyFault(form: Form, kind: Kind): NimRefusal | undefined {
    const to = form.text('to')!;
    const isTeam = form.text(kind === 'message' ? 'ope' : 'msgtype') === '1';
    const fault = this.#accountFault(form.text('from'), 'from');
    if (fault || !isTeam) return fault ?? this.#accountFault(to, 'to');
    return Object.hasOwn(this.teams, to) ? undefined : NO_TEAM;
  }

  #accountFault(accid: unknown, what: string): NimRefusal | undefined {
    return typeof accid === 'string' && this.accounts.has(accid) ? undefined : NOT_FOUND(what);
  }

  #members(team: string, sender: string | undefined): string[] {
    return (this.teams[team] ?? []).filter((accid) => accid !== sender);
  }

  #push(form: Form, kind: Kind, ids: ReadonlyMap<string, string>, isTeam: boolean): void {
    for (const [accid, messageId] of ids) {
      const push = pushOf(form, kind, accid, messageId, isTeam);
      if (push) this.traces.push(push);
    }
  }

  #pushFromConfig(accid: string, params: Record<string, unknown>, messageId: string): void {
    const config = (params['push_config'] ?? {}) as Record<string, unknown>;
    const payload = parse((config['push_payload'] ?? '') as string);
    if (!config['push_content']) return;
    this.traces.push({
      accid,
      via: 'push_notification',
      from: params['sender_account_id'] as string | undefined,
      text: config['push_content'] as string,
      payload: isObject(payload) ? payload : undefined,
      sound: undefined,
      forced: false,
      badge: config['push_badge_enabled'] !== false,
      nick: config['push_nick_enabled'] === true,
      targetOs: params['target_os'] as string[] | undefined,
      messageId,
    });
  }

  #nextId(): string {
    return String(++this.#lastId);
  }
}

/** Undefined when there is nothing to show or the push is switched off. */
function pushOf(form: Form, kind: Kind, accid: string, messageId: string, isTeam: boolean): NimPush | undefined {
  const { push = true, badge = true, needPushNick = kind === 'message' } = form.object('option') ?? {};
  const forced = isForced(form, kind, accid, isTeam);
  const text = (forced && form.text('forcepushcontent')) || form.text('pushcontent') || textOf(form);
  if (push === false || !text) return undefined;
  return {
    accid,
    via: kind === 'message' ? 'sendMsg' : 'sendAttachMsg',
    from: form.text('from') ?? form.text('fromaccid'),
    text,
    payload: form.object('payload'),
    sound: form.text('sound'),
    forced,
    badge: badge !== false,
    nick: needPushNick === true,
    targetOs: undefined,
    messageId,
  };
}

/** Messages are forced in teams alone. A notification that names nobody forces everybody. */
function isForced(form: Form, kind: Kind, accid: string, isTeam: boolean): boolean {
  const list = form.list('forcepushlist');
  const named = form.flag('forcepushall') || Boolean(list?.includes(accid));
  if (kind === 'message') return isTeam && named;
  return form.flag('isforcepush') && (!isTeam || named || !list);
}

/** A text message without a copy shows itself. */
function textOf(form: Form): string | undefined {
  const text = form.text('type') === '0' ? form.object('body')?.['msg'] : undefined;
  return typeof text === 'string' ? text : undefined;
}

/** Digits as a JSON number, which JavaScript's own numbers would round. */
function exact(digits: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(digits);
}
