import type { NimRefusal } from './script.js';

/** A form, whose names count in any case: the vendor's documentation and its SDKs spell some of them differently. */
export class Form {
  readonly sent: Readonly<Record<string, string>>;
  readonly #fields: ReadonlyMap<string, string>;

  constructor(body: string) {
    const pairs = [...new URLSearchParams(body)];
    this.sent = Object.fromEntries(pairs);
    this.#fields = new Map(pairs.map(([name, value]) => [name.toLowerCase(), value]));
  }

  /** @param name in lower case. */
  text(name: string): string | undefined {
    return this.#fields.get(name);
  }

  flag(name: string): boolean {
    return this.text(name) === 'true';
  }

  object(name: string): Record<string, unknown> | undefined {
    const value = parse(this.text(name) ?? '');
    return isObject(value) ? value : undefined;
  }

  list(name: string): string[] | undefined {
    const value = parse(this.text(name) ?? '');
    return Array.isArray(value) && value.every((entry) => typeof entry === 'string') ? value : undefined;
  }
}

export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export const param = (desc: string): NimRefusal => ({ code: 414, desc });

/** Characters. Source: message, custom notification. */
const LENGTHS: Readonly<Record<string, number>> = {
  from: 32,
  fromaccid: 32,
  to: 32,
  accid: 32,
  body: 5000,
  attach: 4096,
  pushcontent: 500,
  payload: 2048,
  sound: 30,
  ext: 1024,
};
/** Text, image, audio, video, location, file, tip, custom. */
const TYPES = new Set(['0', '1', '2', '3', '4', '6', '10', '100']);
const OBJECTS = ['payload', 'option'];
const MAX_FORCED = 100;
const MAX_BATCH = 500;
const MAX_BATCH_WITH_IDS = 100;
const MAX_BROADCAST = 4096;
const PLATFORMS = new Set(['ios', 'aos', 'pc', 'web', 'mac']);

/** What is wrong with a message or a notification for one account or team. */
export function singleFault(form: Form, kind: 'message' | 'notification'): NimRefusal | undefined {
  const scope = kind === 'message' ? form.text('ope') : (form.text('msgtype') ?? '0');
  if (scope !== '0' && scope !== '1') return param(kind === 'message' ? 'ope' : 'msgtype');
  return missing(form, ['from', 'to']) ?? contentFault(form, kind);
}

/** The same for several accounts. */
export function batchFault(form: Form, kind: 'message' | 'notification'): NimRefusal | undefined {
  const accounts = form.list('toaccids');
  const most = form.flag('returnmsgid') ? MAX_BATCH_WITH_IDS : MAX_BATCH;
  if (!accounts || accounts.length === 0 || accounts.length > most) return param('toAccids');
  return missing(form, ['fromaccid']) ?? contentFault(form, kind);
}

export function broadcastFault(form: Form): NimRefusal | undefined {
  if ((form.text('body')?.length ?? 0) > MAX_BROADCAST) return param('body');
  const platforms = form.text('targetos') === undefined ? [] : form.list('targetos');
  if (!platforms || platforms.some((platform) => !PLATFORMS.has(platform))) return param('targetOs');
  return missing(form, ['body']) ?? tooLong(form);
}

export function desktopFault(form: Form): NimRefusal | undefined {
  if (!['true', 'false'].includes(form.text('donnopopen') ?? '')) return param('donnopOpen');
  return missing(form, ['accid']) ?? tooLong(form);
}

function contentFault(form: Form, kind: 'message' | 'notification'): NimRefusal | undefined {
  const own = kind === 'message' ? messageFault(form) : notificationFault(form);
  return own ?? tooLong(form) ?? noObject(form) ?? forceFault(form);
}

function messageFault(form: Form): NimRefusal | undefined {
  if (!TYPES.has(form.text('type') ?? '')) return param('type');
  return form.object('body') ? undefined : param('body');
}

function notificationFault(form: Form): NimRefusal | undefined {
  const save = form.text('save') ?? '2';
  return save === '1' || save === '2' ? missing(form, ['attach']) : param('save');
}

function missing(form: Form, names: readonly string[]): NimRefusal | undefined {
  const absent = names.find((name) => !form.text(name));
  return absent === undefined ? undefined : param(absent);
}

function tooLong(form: Form): NimRefusal | undefined {
  const [name] = Object.entries(LENGTHS).find(([name, most]) => (form.text(name)?.length ?? 0) > most) ?? [];
  return name === undefined ? undefined : param(name);
}

function noObject(form: Form): NimRefusal | undefined {
  const name = OBJECTS.find((name) => form.text(name) !== undefined && !form.object(name));
  return name === undefined ? undefined : param(name);
}

function forceFault(form: Form): NimRefusal | undefined {
  if (form.text('forcepushlist') === undefined) return undefined;
  const forced = form.list('forcepushlist');
  if (!forced) return param('forcepushlist');
  return forced.length > MAX_FORCED ? { code: 811, desc: 'too many forced accounts' } : undefined;
}

/** What is wrong with a push to all users. */
export function pushFault(body: unknown): NimRefusal | undefined {
  if (!isObject(body) || body['target_type'] !== 1) return param('target_type');
  const { push_config: config = {}, target_os: platforms = [] } = body;
  if (!isObject(config)) return param('push_config');
  if (!Array.isArray(platforms) || platforms.some((platform) => !PLATFORMS.has(String(platform)))) {
    return param('target_os');
  }
  const { push_content: text = '', push_payload: payload } = config;
  if (typeof text !== 'string' || text.length > LENGTHS['pushcontent']!) return param('push_content');
  return payload === undefined || isPayload(payload) ? undefined : param('push_payload');
}

function isPayload(payload: unknown): boolean {
  return typeof payload === 'string' && payload.length <= LENGTHS['payload']! && isObject(parse(payload));
}
