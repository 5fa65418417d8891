import type { Random } from '../../chaos/stage/random.js';
import { UGLY_TEXTS } from '../ugly.js';
import { forgeriesOf } from './forgeries.js';
import { FAULT_NAMES, HTTP_FAULTS, whole } from './http-faults.js';
import { anyJson, anyText, mutateBytes, mutateJson, noise } from './mutations.js';
import { type Generated, headerText, isOfNode, isProblem } from './request.js';
import type { Callback, Specimen, Vendor } from './vendors.js';
import type { Answer, Wire } from './wire.js';

/** A vendor and the path that it calls. */
export interface Caller {
  readonly vendor: Vendor;
  readonly path: string;
}

type Maker = (random: Random, vendor: Vendor) => Callback;

const genuine: Maker = (random, vendor) => vendor.sign(random, random.pick(vendor.specimens));

/** The body after accidents, signed by somebody who has the secret: it reaches the parser. */
const damagedAndSigned: Maker = (random, vendor) => {
  const specimen = random.pick(vendor.specimens);
  return vendor.sign(random, { ...specimen, body: mutateBytes(random, specimen.body) });
};

/** The body after accidents, under the signature of the old one. */
const damaged: Maker = (random, vendor) => {
  const callback = genuine(random, vendor);
  return { ...callback, body: mutateBytes(random, callback.body), clear: undefined };
};

/** Well-formed, with contents of any type anywhere. */
const rebuilt: Maker = (random, vendor) => {
  const specimen = random.pick(vendor.specimens);
  return vendor.sign(random, { ...specimen, body: Buffer.from(rewritten(random, specimen)) });
};

/** Nothing of it is the vendor's but the signature. */
const invented: Maker = (random, vendor) => {
  const specimen = random.pick(vendor.specimens);
  const body = random.next() < 0.5 ? Buffer.from(JSON.stringify(anyJson(random))) : noise(random, random.whole(0, 400));
  return vendor.sign(random, { ...specimen, body });
};

/** A proof that is no proof. */
const forged: Maker = (random, vendor) => {
  const callback = genuine(random, vendor);
  const forgeries = forgeriesOf(callback, vendor.proof);
  return forgeries.length > 0 ? random.pick(forgeries).callback : withOddNames(random, callback);
};

/** A genuine callback with names and values around it that nobody asked for. */
const withOddNames: Maker & ((random: Random, given: Callback) => Callback) = (random, given) => {
  const callback = 'sign' in given ? genuine(random, given) : given;
  const { query, headers } = callback;
  return {
    ...callback,
    path: random.next() < 0.5 ? callback.path : encodeURIComponent(anyText(random).toWellFormed()),
    query: [...query, [anyText(random).toWellFormed(), anyText(random).toWellFormed()]],
    headers: [...headers, ['content-type', headerText(random.pick(UGLY_TEXTS))]],
  };
};

const MAKERS: Readonly<Record<string, Maker>> = {
  'damaged, signed': damagedAndSigned,
  'damaged, not signed again': damaged,
  'rebuilt, signed': rebuilt,
  'invented, signed': invented,
  'proof forged': forged,
  'odd names around it': withOddNames,
};
const MAKER_NAMES = Object.keys(MAKERS);

/** One in eight breaks HTTP itself, one in sixteen misses the address. */
export function inboundRequest(random: Random, { vendor, path }: Caller): Generated {
  const roll = random.next();
  if (roll < 1 / 8) return faulty(random, vendor, path);
  if (roll < 3 / 16) return astray(random, vendor, path);
  const maker = random.pick(MAKER_NAMES);
  const callback = (MAKERS[maker] as Maker)(random, vendor);
  return generated(vendor, maker, callback, whole(draftOf(callback, path)));
}

function faulty(random: Random, vendor: Vendor, path: string): Generated {
  const fault = random.pick(FAULT_NAMES);
  const callback = genuine(random, vendor);
  return generated(
    vendor,
    'HTTP',
    callback,
    (HTTP_FAULTS[fault] as (typeof HTTP_FAULTS)[string])(random, draftOf(callback, path)),
  );
}

/** To an address that is none, or nearly the right one. */
function astray(random: Random, vendor: Vendor, path: string): Generated {
  const callback = genuine(random, vendor);
  const text = encodeURIComponent(anyText(random).toWellFormed()).slice(0, 2_000);
  const target = random.pick([
    path.slice(0, -1),
    `${path}x`,
    path.replace(/[^/]+$/, text),
    path.replace(/int_\w+/, text),
    path.replace(/int_\w+/, `int_${'0'.repeat(32)}`),
    `/v1/inbound/${text}`,
    `/v1/inbound//${path.slice('/v1/inbound/'.length)}`,
  ]);
  return { ...generated(vendor, 'address', callback, whole(draftOf(callback, target))), keeps: undefined };
}

function generated(vendor: Vendor, kind: string, { body, clear }: Callback, wire: Wire): Generated {
  return {
    ...wire,
    kind: `${vendor.name}: ${kind}`,
    keeps: wire.body ?? clear ?? body,
    judge: (answer) => judge(vendor, answer, wire.broken),
  };
}

/** Refusals that come before the vendor's own words. */
const BEFORE_VENDOR = new Set([400, 401, 404, 405, 413, 415, 503]);

function judge(vendor: Vendor, answer: Answer, broken: boolean): string | undefined {
  if (broken && (answer.status === 0 || answer.status < 300 || isOfNode(answer))) return undefined;
  if (vendor.prescribes(answer)) return undefined;
  if (BEFORE_VENDOR.has(answer.status) && isProblem(answer)) return undefined;
  return 'an answer that the vendor does not know';
}

function draftOf({ method, path: below, query, headers, body }: Callback, path: string) {
  const search = new URLSearchParams(query.map(([name, value]): [string, string] => [name, value])).toString();
  const target = `${path}${below ? `/${below}` : ''}${search ? `?${search}` : ''}`;
  return { method, target, headers: [['host', 'push.example.com'] as const, ...headers], body };
}

/** The body with some of its contents exchanged, in its own format. */
function rewritten(random: Random, { body, contentType }: Specimen): string {
  const text = body.toString();
  if (contentType.includes('xml')) return rewrittenXml(random, text);
  if (contentType.includes('urlencoded')) return rewrittenForm(random, text);
  try {
    return JSON.stringify(mutateJson(random, JSON.parse(text)));
  } catch {
    return JSON.stringify(anyJson(random));
  }
}

function rewrittenForm(random: Random, text: string): string {
  const form = new URLSearchParams(text);
  const name = random.pick([...form.keys(), 'x']);
  const value = random.next() < 0.5 ? anyText(random) : JSON.stringify(anyJson(random));
  if (random.next() < 0.2) form.delete(name);
  else if (random.next() < 0.5) form.append(random.next() < 0.3 ? `${name}[]` : name, value);
  else form.set(name, value);
  return form.toString();
}

const DOCTYPES = [
  '<!DOCTYPE x [<!ENTITY a "b">]>',
  '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">',
  '<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>',
  '<?xml version="1.0" encoding="UTF-16"?>',
  '<?xml-stylesheet href="http://127.0.0.1:1/"?>',
  '<!-- <xml> -->',
];

function rewrittenXml(random: Random, xml: string): string {
  const roll = random.next();
  if (roll < 0.2) return random.pick(DOCTYPES) + xml;
  const leaves = [...xml.matchAll(/<(\w+)>(?!\s*<\w)[^]*?<\/\1>/g)];
  if (leaves.length === 0) return xml;
  const [leaf, name = ''] = random.pick(leaves);
  const text = anyText(random);
  const piece = random.pick([
    `<${name}><![CDATA[${text}]]></${name}>`,
    `<${name}>${text}</${name}>`,
    `<${name} a="${text}">1</${name}>`,
    `<${name}>&#0;&#xFFFF;&#1114112;&amp;lt;</${name}>`,
    leaf + leaf,
    '',
    `<__proto__>${text}</__proto__>`,
    `<${name}>${leaf}</${name}>`,
  ]);
  // A function: "$" means nothing in it.
  return xml.replace(leaf, () => piece);
}
