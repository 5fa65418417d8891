import type { RestoreView } from '../core/devices/device-restore.dto.js';
import { ApiClient } from './api-client.js';
import { CommandFailure, EXIT } from './io.js';
import { moment } from './options.js';
import type { AddCommands } from './add-commands.js';

interface UndoOptions {
  readonly from: string;
  readonly to?: string;
  readonly state?: string;
  readonly reason?: string;
  readonly gateway?: string;
  readonly dryRun: boolean;
}

/** `tokens undo` */
export const addTokens: AddCommands = (program, io) => {
  program
    .command('tokens')
    .alias('token')
    .description('device tokens')
    .command('undo')
    .requiredOption('--from <moment>', 'taken out of use since then: 2026-11-20T08:00:00Z, or 90m, 24h, 7d ago', moment)
    .option('--to <moment>', 'and before then (default: now)', moment)
    .option('--state <state>', 'retired or suspect (default: both)')
    .option('--reason <code>', 'for instance token.unregistered')
    .option('--gateway <plugin>', 'for instance apns')
    .option('--dry-run', 'count, and change nothing', false)
    .description('use devices again that a gateway was wrong about')
    .action(async ({ state, ...rest }: UndoOptions) => {
      if (state && state !== 'retired' && state !== 'suspect') {
        throw new CommandFailure('--state is retired or suspect.', EXIT.usage);
      }
      const body = { ...rest, ...(state && { states: [state] }) };
      const { dryRun, matched, restored } = await new ApiClient(io).call<RestoreView>(
        'POST',
        '/v1/devices/restore',
        body,
      );
      io.out(
        dryRun
          ? `${matched} devices are meant; nothing was changed.`
          : `${restored} of ${matched} devices are in use again.`,
      );
    });
};
