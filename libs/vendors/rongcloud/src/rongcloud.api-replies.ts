import type { Acknowledgement, HttpReply, RawRequest } from '@bellhop/contracts';
import { REFUSALS } from './rongcloud.api-rules.js';

/** Characters of the address that an error repeats. */
const MAX_ADDRESS = 200;
const CONTENT_TYPES = { json: 'application/json; charset=utf-8', xml: 'text/xml; charset=utf-8' } as const;
/** The vendor's word for a fault of its own, which is no promise that nothing was done. */
const INTERNAL = 1000;
const SIGNATURE_WRONG = 1004;

interface Fault {
  readonly code: number;
  readonly status: number;
  readonly words: string;
}

/** `{"code":200}`, of a push with its id. */
export function acknowledged(ack: Acknowledgement, tellsId: boolean): HttpReply {
  if (ack.result === 'stored' || ack.result === 'duplicate') {
    const [id] = ack.eventIds;
    return done(ack.request, tellsId && id ? { id } : {});
  }
  const { code, status, words } = faultOf(ack);
  const url = `/${ack.request.path.replace(/^\/+/, '')}`.slice(0, MAX_ADDRESS);
  return reply(ack.request, status, { code, errorMessage: words, url });
}

function faultOf({ result, code = '', detail = '' }: Acknowledgement): Fault {
  if (result === 'refused') return { code: SIGNATURE_WRONG, status: 401, words: 'The signature is wrong.' };
  if (result === 'rejected' && isRefusal(code)) return { ...REFUSALS[code], words: detail };
  if (result === 'unavailable') return { code: INTERNAL, status: 503, words: 'Temporarily unavailable.' };
  return { code: INTERNAL, status: 500, words: 'The command could not be processed.' };
}

const isRefusal = (code: string): code is keyof typeof REFUSALS => Object.hasOwn(REFUSALS, code);

/** `{"code":200,"result":{"<userId>":["tag"]}}`. Unverified: the form of the XML twin. */
export function tagsFound(
  request: RawRequest,
  users: readonly string[],
  tags: ReadonlyMap<string, readonly string[]>,
): HttpReply {
  const found = users.map((user) => [user, tags.get(user) ?? []] as const);
  if (formatOf(request) === 'json') return done(request, { result: Object.fromEntries(found) });
  const lines = found.map(([user, own]) => {
    const items = own.map((tag) => `<tag>${escaped(tag)}</tag>`);
    return `<user id="${escaped(user)}">${items.join('')}</user>`;
  });
  return send(request, 200, `<xml><code>200</code><result>${lines.join('')}</result></xml>`);
}

const done = (request: RawRequest, more: object): HttpReply => reply(request, 200, { code: 200, ...more });

function reply(request: RawRequest, status: number, body: object): HttpReply {
  if (formatOf(request) === 'json') return send(request, status, JSON.stringify(body));
  const members = Object.entries(body).map(([name, value]) => `<${name}>${escaped(String(value))}</${name}>`);
  return send(request, status, `<xml>${members.join('')}</xml>`);
}

function send(request: RawRequest, status: number, body: string): HttpReply {
  return { status, headers: { 'content-type': CONTENT_TYPES[formatOf(request)] }, body };
}

const formatOf = ({ path }: RawRequest): 'json' | 'xml' => (path.endsWith('.xml') ? 'xml' : 'json');

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** What XML 1.0 cannot hold at all is left out. */
function escaped(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\0-\x08\v\f\x0e-\x1f\ufffe\uffff]/g, '').replace(/[&<>"]/g, (mark) => ENTITIES[mark] ?? mark);
}
