import {
  accept,
  type Acknowledgement,
  type HttpReply,
  type InboundEvent,
  type ParsedInbound,
  type RawRequest,
  type ReadPort,
  refuse,
  sha256Hex,
  type TagCommand,
  type Verdict,
  type VerifiedRequest,
} from '@bellhop/contracts';
import { acknowledged, tagsFound } from './rongcloud.api-replies.js';
import { rejected } from './rongcloud.api-rules.js';
import {
  type PushCommand,
  readPush,
  readTagBatchSet,
  readTagQuery,
  readTagSet,
  readUserPush,
} from './rongcloud.api-wire.js';
import { LIMITS } from './rongcloud.limits.js';
import type { RongCloudConfig } from './rongcloud.manifest.js';
import { isProved } from './rongcloud.proof.js';

// The part of the vendor's server API by which an application server tags people and pushes to them, served by us.

/** One for all commands of an integration, so that a push sees the tags that were set before it. */
const CONVERSATION = { id: 'server-api', type: 'system' } as const;

type Facts = Pick<InboundEvent, 'kind' | 'push' | 'request' | 'tags' | 'attributes'>;

/** By path without `.json` or `.xml`. */
const COMMANDS: ReadonlyMap<string, (body: Buffer, config: RongCloudConfig) => Facts> = new Map([
  ['user/tag/set', (body, { tagCharacters }) => tagFacts(readTagSet(body, tagCharacters))],
  ['user/tag/batch/set', (body, { tagCharacters }) => tagFacts(readTagBatchSet(body, tagCharacters))],
  ['push', (body, { tagCharacters }) => pushFacts(readPush(body, tagCharacters))],
  ['push/user', (body) => pushFacts(readUserPush(body))],
]);
const TAG_QUERY = 'user/tags/get';

/** Callbacks come to the address itself, commands to a path below it. */
export function isCommand(request: RawRequest): boolean {
  return pathOf(request) !== '';
}

/**
 * The signature of {@link isProved}, in headers that may be called `RC-…` where a proxy drops the plain names.
 * Neither its age nor its second use matters: the vendor's SDK for Node signs once per process.
 */
export function verifyCommand(request: RawRequest, config: RongCloudConfig): Verdict {
  const header = (name: string): string => request.headers[name] || request.headers[`rc-${name}`] || '';
  const proof = { nonce: header('nonce'), timestamp: header('timestamp'), signature: header('signature') };
  if (Object.values(proof).includes('')) return refuse('missing', 'rongcloud.signature_missing');
  if (header('app-key') !== config.appKey) return refuse('mismatch', 'rongcloud.app_key_mismatch');
  return isProved(proof, config.appSecret) ? accept(request) : refuse('mismatch', 'rongcloud.signature_invalid');
}

/** @throws {CommandRejectedError} */
export function parseCommand(request: VerifiedRequest, config: RongCloudConfig): ParsedInbound {
  const path = commandOf(request);
  const facts = COMMANDS.get(path)?.(request.body, config);
  return { events: facts ? [eventOf(facts, path, request.body)] : [], skipped: [], parseMode: 'strict' };
}

/** `/user/tags/get`; undefined for everything that is no question. @throws {CommandRejectedError} */
export async function answerQuestion(request: VerifiedRequest, read: ReadPort): Promise<HttpReply | undefined> {
  if (!isCommand(request) || commandOf(request) !== TAG_QUERY) return undefined;
  const { identityKind, users } = readTagQuery(request.body);
  return tagsFound(request, users, await read.tagsOf(identityKind, users));
}

export function acknowledgeCommand(acknowledgement: Acknowledgement): HttpReply {
  return acknowledged(acknowledgement, pathOf(acknowledgement.request).startsWith('push'));
}

/** A base address that ends in a slash makes a path that begins with one. */
const pathOf = ({ path }: RawRequest): string => path.replace(/^\/+/, '');

/** @throws {CommandRejectedError} for what the server API does not have, and for a body of the wrong size. */
function commandOf(request: VerifiedRequest): string {
  const [, path = ''] = /^(.+)\.(?:json|xml)$/.exec(pathOf(request)) ?? [];
  if (!COMMANDS.has(path) && path !== TAG_QUERY) throw rejected('path_unknown', 'There is no such command.');
  if (request.body.length >= LIMITS.bodyBytes)
    throw rejected('body_too_large', 'The body must be smaller than 100 KB.');
  if (request.body.length === 0) throw rejected('body_missing', 'The body is missing.');
  return path;
}

/** Commands have no identity at the vendor: the same one twice is two of them. */
function eventOf(facts: Facts, path: string, body: Buffer): InboundEvent {
  return {
    ...facts,
    key: `rongcloud:command:${sha256Hex(path, ' ', body)}`,
    dedupeWindowMs: 0,
    recipient: { identities: [], devices: [] },
    conversation: CONVERSATION,
  };
}

const tagFacts = (tags: TagCommand): Facts => ({ kind: 'tags.replaced', tags, push: { notify: false } });

const pushFacts = ({ request, message }: PushCommand): Facts => ({
  kind: 'push.requested',
  request,
  push: { notify: true },
  attributes: message && { ...message },
});
