/** What the vendors of the benchmark send, as bytes on the wire. */
import {
  type Callback,
  callbackUrl,
  type EchatAccount,
  echatChat,
  type NimApp,
  nimMessage,
  type SigningOptions,
} from '@bellhop/simulators';
import type { Address } from './http-client.js';

export const BODY_BYTES = 1024;
/** Who is written to: `person-0` to `person-999`. */
export const PEOPLE = 1_000;
const STAFF = 200;
/** Ids have the same length for every number. */
const FIRST_ID = 10_000_000_000;

/** Finds the number of a callback in what became of it. */
export const NUMBER = /#(\d+)#/;

/** A vendor and the account that signs. */
export type Vendor =
  { readonly kind: 'nim'; readonly account: NimApp } | { readonly kind: 'echat'; readonly account: EchatAccount };

type Write = (number: number, text: string, options: SigningOptions) => Callback;

/** Makes requests: a message to one person with its number in the text, a body of 1 KB, signed. */
export function composer(address: Address, vendor: Vendor): (number: number) => Buffer {
  const write = writerOf(vendor);
  const room = BODY_BYTES - Buffer.byteLength(write(0, '', { now: new Date() }).body);
  return (number) => {
    const text = `#${number}# `.padEnd(room, 'x');
    return onTheWire(address, write(number, text, { now: new Date(), nonce: String(FIRST_ID + number) }));
  };
}

function writerOf(vendor: Vendor): Write {
  if (vendor.kind === 'nim') return (number, text, options) => nimMessage(vendor.account, nimOf(number, text), options);
  return (number, text, options) => echatChat(vendor.account, echatOf(number, text), options);
}

const nimOf = (number: number, body: string) => ({
  fromAccount: `staff-${number % STAFF}`,
  fromNick: '客服小王',
  to: `person-${number % PEOPLE}`,
  msgidServer: String(FIRST_ID + number),
  body,
});

const echatOf = (number: number, content: string) => ({
  companyId: '60',
  msgId: String(FIRST_ID + number),
  uid: `person-${number % PEOPLE}`,
  talkId: String(FIRST_ID + (number % STAFF)),
  staffNickName: '客服小王',
  content,
});

function onTheWire(address: Address, callback: Callback): Buffer {
  const { pathname, search } = callbackUrl(`http://${address.host}${address.path}`, callback);
  const head = Object.entries({
    Host: `${address.host}:${address.port}`,
    'Content-Length': Buffer.byteLength(callback.body),
    ...callback.headers,
    ...address.headers,
  });
  const lines = head.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.from(`${callback.method} ${pathname}${search} HTTP/1.1\r\n${lines}\r\n${callback.body}`);
}
