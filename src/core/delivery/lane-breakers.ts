import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { publicId } from '../../platform/ids.js';
import { Metrics } from '../../platform/metrics.js';
import type { OpenedIntegration } from '../integrations/integration-cache.js';
import { LaneBreaker, type LaneState } from './lane-breaker.js';

interface Lane {
  readonly revision: number;
  /** Plugin id. */
  readonly channel: string;
  readonly breaker: LaneBreaker;
}

const VALUES: Readonly<Record<LaneState, number>> = { closed: 0, 'half-open': 1, open: 2 };

/** The breakers of this process, one for each integration that it has sent through. */
@Injectable()
export class LaneBreakers implements OnModuleInit {
  private readonly log = new Logger(LaneBreakers.name);
  private readonly lanes = new Map<string, Lane>();

  constructor(private readonly metrics: Metrics) {}

  onModuleInit(): void {
    this.metrics.lookedUp(
      'lane_breaker',
      'Whether this process sends through an integration: 0 yes (closed), 1 a trial (half-open), 2 no (open).',
      ['channel', 'integration'],
      () =>
        [...this.lanes].map(([id, { channel, breaker }]) => {
          return { channel, integration: publicId('int', id), value: VALUES[breaker.state] };
        }),
    );
  }

  /** What was learned about settings that were changed since counts for nothing. */
  of({ row: { id, revision }, plugin }: OpenedIntegration): LaneBreaker {
    const known = this.lanes.get(id);
    if (known && known.revision >= revision) return known.breaker;
    const breaker = new LaneBreaker((state, until) => this.tell(id, plugin.id, state, until));
    this.lanes.set(id, { revision, channel: plugin.id, breaker });
    return breaker;
  }

  private tell(id: string, channel: string, state: LaneState, trialAt?: Date): void {
    const facts = { plugin: channel, integrationId: id, state, ...(trialAt && { trialAt }) };
    if (state === 'open') this.log.warn(facts, 'The vendor does not answer: its deliveries wait for the next trial');
    else if (state === 'half-open') this.log.log(facts, 'A trial finds out whether the vendor answers again');
    else this.log.log(facts, 'The vendor answers again');
  }
}
