import type { Command } from 'commander';
import type { DeadLetterList, RedriveView } from '../core/dead-letters/dead-letters.dto.js';
import { addressOf, ApiClient, type Wire } from './api-client.js';
import { EXIT, show, tableOf } from './io.js';
import { moment, whole } from './options.js';
import type { AddCommands } from './add-commands.js';

interface Filter {
  readonly state?: string;
  readonly reason?: string;
  readonly channel?: string;
  readonly integration?: string;
  readonly from?: string;
  readonly to?: string;
}

/** `dead-letters list | redrive` */
export const addDeadLetters: AddCommands = (program, io, ends) => {
  const group = program.command('dead-letters').description('what was given up, and how it is sent once more');
  withFilter(group.command('list'))
    .option('--json', 'for programs')
    .description('by cause, the largest group first')
    .action(async ({ json, ...filter }: Filter & { json?: boolean }) => {
      const path = addressOf('/v1/dead-letters', queryOf(filter));
      show(io, json, await new ApiClient(io).call<DeadLetterList>('GET', path), linesOf);
    });
  withFilter(group.command('redrive'))
    .option('--per-second <number>', 'deliveries that may go out within a second', whole(1, 10_000), 100)
    .option('--limit <number>', 'deliveries of this call', whole(1, 100_000), 10_000)
    .option('--ttl <seconds>', 'how long a message stays useful', whole(60, 2_419_200), 86_400)
    .option('--dry-run', 'count, and change nothing', false)
    .description('put them back into the queue, the oldest first, at a limited rate; ends with 2 when some are left')
    .action(async ({ perSecond, limit, ttl, dryRun, ...filter }: Filter & RedriveOptions) => {
      const body = { ...queryOf(filter), perSecond, limit, ttlSeconds: ttl, dryRun };
      const reply = await new ApiClient(io).call<RedriveView>('POST', '/v1/dead-letters/redrive', body);
      io.out(wordsOf(reply));
      ends(reply.remaining > 0 && !dryRun ? EXIT.pending : EXIT.done);
    });
};

interface RedriveOptions {
  readonly perSecond: number;
  readonly limit: number;
  readonly ttl: number;
  readonly dryRun: boolean;
}

function withFilter(command: Command): Command {
  return command
    .option('--state <state>', 'dead, failed, expired or unknown', 'dead')
    .option('--reason <code>', 'for instance gateway.unavailable')
    .option('--channel <plugin>', 'for instance apns')
    .option('--integration <id>', 'int_…')
    .option('--from <moment>', 'lost since then: 2026-11-20T08:00:00Z, or 90m, 24h, 7d ago (default: 7d)', moment)
    .option('--to <moment>', 'lost before then', moment);
}

function queryOf({ state, reason, channel, integration, from, to }: Filter) {
  return { state, reason, channel, integrationId: integration, from, to };
}

function linesOf({ deliveries, events }: Wire<DeadLetterList>): string[] {
  const groups = [
    ...deliveries.map((group) => ({ ...group, what: 'delivery' })),
    ...events.map((group) => ({ ...group, what: 'event', channel: null })),
  ];
  if (groups.length === 0) return ['Nothing was given up.'];
  return tableOf(
    ['what', 'state', 'reason', 'channel', 'integration', 'count', 'oldest', 'newest', 'for instance'],
    groups.map(({ what, state, reason, channel, integrationId, count, oldest, newest, sample }) => [
      what,
      state,
      reason,
      channel,
      integrationId,
      count,
      oldest,
      newest,
      sample,
    ]),
  );
}

function wordsOf({ dryRun, matched, redriven, remaining, until }: Wire<RedriveView>): string {
  if (dryRun) return `${matched} deliveries are meant; nothing was changed.`;
  const end = until ? `, the last of them at ${until}` : '';
  return `${redriven} of ${matched} deliveries go out once more${end}.${remaining > 0 ? ` ${remaining} are left.` : ''}`;
}
