import { type Capabilities, chunks, type SendOutcome, type TagReplacement } from '@bellhop/contracts';
import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { Metrics } from '../../platform/metrics.js';
import { Queue } from '../../platform/queue.js';
import { Sql, type Transaction } from '../../platform/sql.js';
import { Lease } from '../work/lease.js';
import { findActive } from '../integrations/active-integration.js';
import { ChannelClients } from '../integrations/channel-clients.js';
import { IntegrationCache, type OpenedIntegration } from '../integrations/integration-cache.js';
import { type IntegrationPause, pauseFor, PauseSwitch } from '../integrations/pause.js';
import { TAG_QUEUE, tagNudges, type TagNudge } from './tag-mirror.nudge.js';
import { type ClaimedTags, claimTags, dropTags, lostTags, recordTags } from './tag-outbox.js';
import { judgeTags, type TagVerdict } from './tag-verdict.js';
import { vendorIdsOf } from './vendor-ids.js';

type Keeping = NonNullable<Capabilities['tags']>;

interface Judged {
  readonly claimed: ClaimedTags;
  readonly verdict: TagVerdict;
}

/** Writes our tags to vendors that keep tags of their own: the latest set of a person wins. */
@Injectable()
export class TagMirror {
  private readonly log = new Logger(TagMirror.name);

  constructor(
    private readonly sql: Sql,
    private readonly queue: Queue,
    private readonly clock: Clock,
    private readonly integrations: IntegrationCache,
    private readonly clients: ChannelClients,
    private readonly pauses: PauseSwitch,
    private readonly lease: Lease,
    private readonly metrics: Metrics,
  ) {}

  /** Sends one call's worth of people who are due, and comes back for the others. */
  async mirror(nudge: TagNudge): Promise<void> {
    const integration = await this.find(nudge);
    const keeping = integration?.plugin.outbound?.manifest.capabilities.tags;
    if (!integration || !keeping) return;
    if (!integration.row.settings.mirrorTags) return dropTags(this.sql, nudge);
    const limit = keeping.maxUsersPerCall;
    const claim = { now: this.clock.now(), leaseUntil: new Date(this.clock.now().getTime() + this.lease.ms), limit };
    const claimed = await this.sql.transaction((tx) => claimTags(tx, nudge, claim));
    if (claimed.length === 0) return;
    const outcomes = await this.send(integration, keeping, claimed);
    await this.record(integration, claim, claimed, outcomes);
  }

  /** Nudges for people whose nudge was lost, in the transaction of the sweep. @returns how many integrations. */
  async nudgeLost(tx: Transaction, now: Date, lost: Date): Promise<number> {
    const due = await lostTags(tx, now, lost);
    await this.queue.enqueue(tx, TAG_QUEUE, tagNudges(due));
    return due.length;
  }

  /** A setting that another process has just switched on is looked up afresh: nothing must be dropped by mistake. */
  private async find({ appId, integrationId }: TagNudge): Promise<OpenedIntegration | undefined> {
    const known = await findActive(this.integrations, appId, integrationId);
    if (!known || known.row.settings.mirrorTags) return known;
    this.integrations.forget(appId, integrationId);
    return findActive(this.integrations, appId, integrationId);
  }

  /** One outcome per person, in order. */
  private async send(
    integration: OpenedIntegration,
    keeping: Keeping,
    claimed: readonly ClaimedTags[],
  ): Promise<SendOutcome[]> {
    const ids = await vendorIdsOf(
      this.sql,
      integration,
      claimed.map(({ userId }) => userId),
    );
    const refused = claimed.map(({ userId, tags }) => refusalOf(keeping, tags, ids.get(userId)));
    const calls = claimed.flatMap(({ userId, tags }, person) =>
      refused[person] ? [] : (ids.get(userId) ?? []).map((id) => ({ person, replacement: { userId: id, tags } })),
    );
    const outcomes = await this.replace(
      integration,
      keeping,
      calls.map(({ replacement }) => replacement),
    );
    const answers = Map.groupBy(outcomes.entries(), ([i]) => calls[i]?.person);
    return claimed.map(
      (_, person) => refused[person] ?? worstOf((answers.get(person) ?? []).map(([, answer]) => answer)),
    );
  }

  private async replace(
    integration: OpenedIntegration,
    { maxUsersPerCall }: Keeping,
    replacements: readonly TagReplacement[],
  ): Promise<SendOutcome[]> {
    const signal = AbortSignal.timeout(this.lease.sendDeadlineMs);
    const outcomes: SendOutcome[] = [];
    for (const some of chunks(replacements, maxUsersPerCall)) {
      outcomes.push(...(await this.call(integration, some, signal)));
    }
    return outcomes;
  }

  private async call(
    integration: OpenedIntegration,
    replacements: readonly TagReplacement[],
    signal: AbortSignal,
  ): Promise<readonly SendOutcome[]> {
    try {
      const { tags } = await this.clients.get(integration);
      if (!tags) throw new Error(`Channel "${integration.plugin.id}" keeps no tags.`);
      const outcomes = await tags.replace(replacements, signal);
      if (outcomes.length !== replacements.length)
        throw new Error('The channel answered for another number of people.');
      return outcomes;
    } catch (error) {
      this.log.error({ plugin: integration.plugin.id, cause: (error as Error).message }, 'Channel failed');
      return replacements.map(() => ({ kind: 'unknown', reason: 'plugin.failed' }));
    }
  }

  private async record(
    integration: OpenedIntegration,
    claim: { readonly leaseUntil: Date; readonly limit: number },
    claimed: readonly ClaimedTags[],
    outcomes: readonly SendOutcome[],
  ): Promise<void> {
    const now = this.clock.now();
    // One for the whole call: those who wait go together again.
    const random = Math.random();
    const judged = claimed.map((one, i): Judged => {
      return { claimed: one, verdict: judgeTags(outcomes[i] as SendOutcome, one.attempts, now, random) };
    });
    const pause = outcomes.map(pauseFor).find((found) => found !== undefined);
    const nudge = { appId: integration.row.appId, integrationId: integration.row.id };
    await this.sql.transaction(async (tx) => {
      const changed = await recordTags(tx, nudge, { now, leaseUntil: claim.leaseUntil }, judged);
      if (pause) return this.pauses.pause(tx, integration, pause);
      await this.comeBack(tx, nudge, judged, changed || claimed.length === claim.limit);
    });
    this.tell(integration, judged, pause);
  }

  /** While the vendor takes nobody, the others wait as well: they would only be refused. */
  private async comeBack(tx: Transaction, nudge: TagNudge, judged: readonly Judged[], anyDue: boolean): Promise<void> {
    const times = judged.flatMap(({ verdict }) => ('notBefore' in verdict ? (verdict.notBefore?.getTime() ?? []) : []));
    const later = [...new Set(times)].map((time) => new Date(time));
    const stalled = times.length === judged.length;
    const nudges = later.flatMap((startAfter) => tagNudges([nudge], startAfter));
    await this.queue.enqueue(tx, TAG_QUEUE, anyDue && !stalled ? [...nudges, ...tagNudges([nudge])] : nudges);
  }

  private tell(integration: OpenedIntegration, judged: readonly Judged[], pause: IntegrationPause | undefined): void {
    if (pause) this.pauses.done(integration, pause);
    for (const [result, people] of Map.groupBy(judged, ({ verdict }) => verdict.kind)) {
      this.metrics.tagMirror.inc({ channel: integration.plugin.id, result }, people.length);
    }
    const reasons = judged.flatMap(({ verdict }) => (verdict.kind === 'failed' ? [verdict.reason] : []));
    if (reasons.length === 0) return;
    const failed = { integrationId: integration.row.id, people: reasons.length, reasons: [...new Set(reasons)] };
    this.log.warn(failed, 'Tags that the vendor does not take');
  }
}

/** What is known before any call. */
function refusalOf(
  { maxPerUser, maxBytes }: Keeping,
  tags: readonly string[],
  ids: readonly string[] | undefined,
): SendOutcome | undefined {
  if (!ids) return { kind: 'rejected', reason: 'identity.unknown' };
  if (tags.length > maxPerUser) return { kind: 'rejected', reason: 'tags.too_many' };
  return tags.some((tag) => Buffer.byteLength(tag) > maxBytes)
    ? { kind: 'rejected', reason: 'tags.length' }
    : undefined;
}

/** Somebody with several names at the vendor has the tags once all of these have. */
function worstOf(outcomes: readonly SendOutcome[]): SendOutcome {
  return outcomes.find(({ kind }) => kind !== 'accepted') ?? { kind: 'accepted' };
}
