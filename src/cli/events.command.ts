import type { ReplayView } from '../core/inbound/replay.dto.js';
import { ApiClient, type Wire } from './api-client.js';
import { CommandFailure, EXIT, type ExitCode, type Io } from './io.js';
import { moment, whole } from './options.js';
import type { AddCommands } from './add-commands.js';

interface ReplayOptions {
  readonly state?: string;
  readonly reason?: string;
  readonly integration?: string;
  readonly from?: string;
  readonly to?: string;
  readonly most: number;
  readonly dryRun: boolean;
}

/** Events of one call. */
const PAGE = 1_000;

/** `events replay` */
export const addEvents: AddCommands = (program, io, ends) => {
  program
    .command('events')
    .description('callbacks that led to nothing')
    .command('replay')
    .argument('[ids...]', 'evt_…; none: what the options say')
    .option('--state <state>', 'quarantined, failed or ignored (default: any of them)')
    .option('--reason <code>', 'for instance kf5.body_not_json, unroutable')
    .option('--integration <id>', 'int_…')
    .option('--from <moment>', 'received since then: 2026-11-20T08:00:00Z, or 90m, 24h, 7d ago', moment)
    .option('--to <moment>', 'received before then (default: now)', moment)
    .option('--most <number>', 'events that are replayed at most', whole(1, 10_000_000), 10_000)
    .option('--dry-run', 'count, and change nothing', false)
    .description('handle them once more, the oldest first; ends with 2 when some are left')
    .action(async (ids: string[], options: ReplayOptions) => {
      ends(ids.length > 0 ? await replayThose(io, ids) : await replayMatching(io, options));
    });
};

async function replayThose(io: Io, ids: readonly string[]): Promise<ExitCode> {
  const api = new ApiClient(io);
  let failed = 0;
  for (const id of ids) {
    try {
      const { state } = await api.call<{ state: string }>('POST', `/v1/events/${encodeURIComponent(id)}/replay`);
      io.out(`${id} ${state}`);
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      failed++;
      io.err(`${id} ${error.message}`);
    }
  }
  return failed > 0 ? EXIT.failed : EXIT.done;
}

async function replayMatching(io: Io, { integration, most, dryRun, ...filter }: ReplayOptions): Promise<ExitCode> {
  if (!filter.from) throw new CommandFailure('Name the events, or say since when with --from.', EXIT.usage);
  const api = new ApiClient(io);
  const total = { routed: 0, read: 0, unusable: 0, gone: 0 };
  let cursor: string | null = null;
  do {
    const left = most - (total.routed + total.read + total.unusable + total.gone);
    const body = {
      ...filter,
      integrationId: integration,
      dryRun,
      limit: Math.min(PAGE, left),
      ...(cursor && { cursor }),
    };
    const page: Wire<ReplayView> = await api.call<ReplayView>('POST', '/v1/events/replay', body);
    if (dryRun) {
      io.out(`${page.matched} events are meant; nothing was changed.`);
      return EXIT.done;
    }
    for (const name of ['routed', 'read', 'unusable', 'gone'] as const) total[name] += page[name];
    cursor = page.nextCursor;
  } while (cursor && total.routed + total.read + total.unusable + total.gone < most);
  io.out(
    `${total.routed} are routed again, ${total.read} could be read at last, ${total.unusable} still cannot be used, ` +
      `the bytes of ${total.gone} are not kept any more.${cursor ? ' Some are left.' : ''}`,
  );
  return cursor ? EXIT.pending : EXIT.done;
}
