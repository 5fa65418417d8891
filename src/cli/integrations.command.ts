import type { CheckView, IntegrationView } from '../core/integrations/integrations.dto.js';
import { ApiClient, type Wire } from './api-client.js';
import { EXIT, type Io, show, tableOf } from './io.js';
import type { AddCommands } from './add-commands.js';

const MOST = 10_000;

/** `integrations list | pause | resume | check` */
export const addIntegrations: AddCommands = (program, io, ends) => {
  const group = program.command('integrations').description('the integrations of the app of BELLHOP_API_KEY');
  group
    .command('list')
    .option('--json', 'for programs')
    .option('--paused', 'only those that are paused')
    .description('list them, newest first')
    .action(async ({ json, paused }: { json?: boolean; paused?: boolean }) => {
      const all = await new ApiClient(io).list<IntegrationView>('/v1/integrations', {}, MOST);
      show(io, json, paused ? all.filter(({ state }) => state === 'paused') : all, linesOf);
    });
  group
    .command('pause')
    .argument('<id>', 'int_…')
    .option('--detail <words>', 'why, for whoever sees it')
    .description('hold its deliveries; callbacks are still taken')
    .action((id: string, { detail }: { detail?: string }) => change(io, id, 'pause', detail ? { detail } : {}));
  group
    .command('resume')
    .argument('<id>', 'int_…')
    .description('send what was held')
    .action((id: string) => change(io, id, 'resume'));
  group
    .command('check')
    .argument('<id>', 'int_…')
    .description('ask the vendor whether the credentials work; nobody is sent anything')
    .action(async (id: string) => {
      const path = `/v1/integrations/${encodeURIComponent(id)}/check`;
      const { ok, detail, code } = await new ApiClient(io).call<CheckView>('POST', path);
      io.out([ok ? 'ok' : 'not ok', code, detail].filter(Boolean).join(': '));
      ends(ok ? EXIT.done : EXIT.failed);
    });
};

async function change(io: Io, id: string, verb: 'pause' | 'resume', body?: object): Promise<void> {
  const path = `/v1/integrations/${encodeURIComponent(id)}/${verb}`;
  show(io, false, [await new ApiClient(io).call<IntegrationView>('POST', path, body)], linesOf);
}

function linesOf(rows: readonly Wire<IntegrationView>[]): string[] {
  return tableOf(
    ['id', 'plugin', 'name', 'state', 'reason', 'detail'],
    rows.map(({ id, plugin, name, state, pauseReason, pauseDetail }) => [
      id,
      plugin,
      name,
      state,
      pauseReason,
      pauseDetail,
    ]),
  );
}
