import {
  accept,
  type Acknowledgement,
  CommandRejectedError,
  type HttpReply,
  Inbound,
  type InboundAdapter,
  type InboundEvent,
  type InboundManifest,
  MalformedPayloadError,
  type ParsedInbound,
  type RawRequest,
  type ReadPort,
  refuse,
  type Verdict,
  type VerifiedRequest,
} from '@bellhop/contracts';
import { Module } from '@nestjs/common';
import { NoConfig } from './fake-gateways.js';

/**
 * A vendor that repeats what it is told of its callbacks. The body is a list of words: each is the key of an event,
 * except `malformed`, `forbidden` and `broken`, which are what they say, and `skip`, which is of no use.
 * Below `tags/` the words are people whose tags are asked for.
 */
@Inbound()
export class EchoVendor implements InboundAdapter {
  readonly manifest: InboundManifest = {
    id: 'echo',
    name: 'Echo',
    summary: 'A vendor of the tests.',
    documentation: 'https://example.com',
    setup: '1. Nothing.',
    config: NoConfig,
    authenticity: 'url-secret',
    methods: ['POST'],
    emits: ['presence.changed', 'tags.replaced'],
    identities: [
      { kind: 'echo.direct', summary: 'Our user id.', direct: true },
      { kind: 'echo.linked', summary: 'An id of its own.' },
    ],
  };

  /** One nonce is good for one body. */
  verify(request: RawRequest): Verdict {
    const { 'x-nonce': nonce, 'x-forged': forged } = request.headers;
    if (forged) return refuse('mismatch', 'echo.forged');
    return accept(request, undefined, nonce ? { key: nonce, reusedCode: 'echo.nonce_reused' } : undefined);
  }

  async query(request: VerifiedRequest, _config: object, read: ReadPort): Promise<HttpReply | undefined> {
    const [place, kind = ''] = request.path.split('/');
    if (place !== 'tags') return undefined;
    const tags = await read.tagsOf(kind, wordsOf(request));
    return json(Object.fromEntries(tags));
  }

  parse(request: VerifiedRequest): ParsedInbound {
    const words = wordsOf(request);
    return {
      events: words.filter((word) => word !== 'skip').map(eventOf),
      skipped: words.filter((word) => word === 'skip').map(() => ({ code: 'echo.skipped' })),
      parseMode: 'strict',
    };
  }

  acknowledge({ request, ...told }: Acknowledgement): HttpReply {
    return json({ ...told, path: request.path });
  }
}

function wordsOf({ body }: VerifiedRequest): string[] {
  const words = body.toString().split(',').filter(Boolean);
  if (words.includes('malformed')) throw new MalformedPayloadError('echo.malformed', 'The word is malformed.');
  if (words.includes('forbidden')) throw new CommandRejectedError('echo.forbidden', 'The word is forbidden.');
  if (words.includes('broken')) throw new Error('The word is broken.');
  return words;
}

/** `tag:<kind>:<user>:<tag>` is a command; anything else tells nothing of nobody. */
function eventOf(word: string): InboundEvent {
  const shared = { key: word, recipient: { identities: [], devices: [] }, push: { notify: false } };
  const [what, identityKind = '', user = '', tag = ''] = word.split(':');
  if (what !== 'tag') return { ...shared, kind: 'presence.changed' };
  return { ...shared, kind: 'tags.replaced', tags: { identityKind, users: [user], tags: [tag] } };
}

const json = (value: object): HttpReply => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value),
});

@Module({ providers: [EchoVendor] })
export class EchoVendorModule {}
