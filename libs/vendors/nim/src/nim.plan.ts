import {
  chunks,
  type EffectiveAudience,
  type FieldIssue,
  type Inspection,
  type Platform,
  type PushMessage,
  type SendItem,
  type SendOutcome,
} from '@bellhop/contracts';
import {
  type AccountContent,
  type NimContent,
  type Prepared,
  prepareForAccounts,
  prepareForEveryone,
} from './nim.content.js';
import type { NimConfig } from './nim.manifest.js';
import { isAccount } from './nim.options.js';
import { batchRequest, everyoneRequest, type NimRequest, singleRequest, type Spelling } from './nim.request.js';

/** A call, and whom it tells. */
export interface PlannedCall {
  readonly request: NimRequest;
  /** Places of the items in the call of `send`. */
  readonly items: readonly Addressed[];
}

interface Addressed {
  readonly index: number;
  /** Account or team; empty for everyone. */
  readonly accid: string;
}

export interface Plan {
  readonly calls: readonly PlannedCall[];
  /** By place: what is not sent, and why. */
  readonly refused: ReadonlyMap<number, SendOutcome>;
}

/** A message, judged, for an account (or team). */
interface AccountDraft extends Prepared<AccountContent> {
  readonly scope: 'account';
  readonly accid: string;
}

interface EveryoneDraft extends Prepared<NimContent> {
  readonly scope: 'everyone';
  readonly platforms: readonly Platform[];
}

type Draft = AccountDraft | EveryoneDraft;

/** Source: batch message and batch notification. */
const MAX_BATCH = 500;
const MAX_BATCH_WITH_IDS = 100;
const NO_SENDER: SendOutcome = {
  kind: 'misconfigured',
  reason: 'sender.missing',
  field: 'sender',
  detail: 'messages need an account to come from',
};

/** What of a message does not depend on the account, worked out once per message. */
export type Preparations = WeakMap<PushMessage, Prepared<AccountContent>>;

/** Says what is wrong with an item, or what would be sent for it. */
export function inspectItem(item: SendItem, config: NimConfig, now: Date): Inspection {
  const draft = draftOf(item, config, new WeakMap());
  const issues = [...draft.issues, ...senderIssues(draft.content)];
  if (issues.length > 0) return { issues, warnings: draft.warnings };
  const { fields, body } = requestOf(draft, item, config, now);
  return { issues, warnings: draft.warnings, rendered: { payload: fields, bytes: Buffer.byteLength(body) } };
}

/** Turns items into as few calls as their receipts allow. */
export function planCalls(items: readonly SendItem[], config: NimConfig, now: Date, known: Preparations): Plan {
  const refused = new Map<number, SendOutcome>();
  const calls: PlannedCall[] = [];
  const batches = new Map<PushMessage, { readonly content: AccountContent; readonly items: Addressed[] }>();
  for (const [index, item] of items.entries()) {
    const draft = draftOf(item, config, known);
    const refusal = refusalOf(draft);
    if (refusal) {
      refused.set(index, refusal);
    } else if (draft.scope === 'account' && isShared(draft, item, config)) {
      const batch = batches.get(item.message) ?? { content: draft.content, items: [] };
      batches.set(item.message, batch);
      batch.items.push({ index, accid: draft.accid });
    } else {
      const accid = draft.scope === 'account' ? draft.accid : '';
      calls.push({ request: requestOf(draft, item, config, now), items: [{ index, accid }] });
    }
  }
  for (const { content, items } of batches.values()) calls.push(...batchCalls(content, items, config));
  return { calls, refused };
}

function draftOf({ message, target }: SendItem, config: NimConfig, known: Preparations): Draft {
  if (target.kind === 'audience') return draftForEveryone(message, target.audience, config);
  const prepared = known.get(message) ?? prepareForAccounts(message, config);
  known.set(message, prepared);
  const accid = target.kind === 'vendorUser' ? target.userId : '';
  const where =
    target.kind === 'vendorUser'
      ? accountIssues(accid, prepared.content.team?.tid)
      : [{ field: '/audience', message: 'NIM addresses accounts, not devices' }];
  return { ...prepared, scope: 'account', accid, issues: [...prepared.issues, ...where] };
}

function draftForEveryone(message: PushMessage, audience: EffectiveAudience, config: NimConfig): Draft {
  const prepared = prepareForEveryone(message, config);
  const isEveryone = audience.kind === 'everyone';
  const issues = [...prepared.issues];
  if (!isEveryone) issues.push({ field: '/audience', message: 'NIM knows accounts and everyone' });
  else if (!config.pushToAll) issues.push({ field: '/audience/everyone', message: 'is switched off (pushToAll)' });
  return { ...prepared, scope: 'everyone', platforms: isEveryone ? audience.platforms : [], issues };
}

/** Every further delivery of a team message would tell the whole team again. */
function accountIssues(accid: string, team: string | undefined): FieldIssue[] {
  if (!isAccount(accid)) return [{ field: '/audience/users', message: 'accounts have 1 to 32 characters' }];
  const isOther = team !== undefined && accid !== team;
  return isOther ? [{ field: '/audience/users', message: 'must be the team alone (vendorOptions.nim.team.tid)' }] : [];
}

function senderIssues({ from }: NimContent): FieldIssue[] {
  return from === undefined ? [{ field: '/config/sender', message: 'the integration has no sender' }] : [];
}

function refusalOf({ issues, content }: Draft): SendOutcome | undefined {
  const [issue] = issues;
  if (issue) return { kind: 'rejected', reason: 'message.invalid', detail: `${issue.field}: ${issue.message}` };
  return content.from === undefined ? NO_SENDER : undefined;
}

/** Receipts belong to one person each, and team messages to one team. */
function isShared({ content }: AccountDraft, { receipt }: SendItem, { receipts }: NimConfig): boolean {
  return !content.team && !(receipts && receipt !== undefined);
}

function requestOf(draft: Draft, { message, ...item }: SendItem, config: NimConfig, now: Date): NimRequest {
  const receipt = config.receipts ? item.receipt : undefined;
  if (draft.scope === 'account') return singleRequest(draft.content, draft.accid, receipt, spellingOf(config));
  const secondsLeft = (message.expiresAt.getTime() - now.getTime()) / 1000;
  return everyoneRequest(draft.content, draft.platforms, receipt, secondsLeft);
}

/** An account that is named twice gets the message once. */
function batchCalls(content: AccountContent, items: readonly Addressed[], config: NimConfig): PlannedCall[] {
  const withIds = config.messageIds && content.body.kind === 'message';
  const byAccount = [...Map.groupBy(items, ({ accid }) => accid)];
  return chunks(byAccount, withIds ? MAX_BATCH_WITH_IDS : MAX_BATCH).map((chunk) => {
    const accounts = chunk.map(([accid]) => accid);
    const request =
      accounts.length === 1
        ? singleRequest(content, accounts[0]!, undefined, spellingOf(config))
        : batchRequest(content, accounts, spellingOf(config), withIds);
    return { request, items: chunk.flatMap(([, group]) => group) };
  });
}

function spellingOf({ sdkNames }: NimConfig): Spelling {
  return sdkNames ? 'sdk' : 'documented';
}
