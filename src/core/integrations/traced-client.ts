import type { ChannelClient, SendItem, SendOutcome } from '@bellhop/contracts';
import { publicId } from '../../platform/ids.js';
import type { Telemetry } from '../../platform/telemetry.js';
import type { OpenedIntegration } from './integration-cache.js';

/** The client with a span around each call of its sender; all else is as it was. */
export function traced(client: ChannelClient, { row, plugin }: OpenedIntegration, telemetry: Telemetry): ChannelClient {
  const { sender } = client;
  if (!sender) return client;
  const send = (items: readonly SendItem[], signal: AbortSignal): Promise<readonly SendOutcome[]> => {
    const facts = {
      'bellhop.channel': plugin.id,
      'bellhop.integration.id': publicId('int', row.id),
      'bellhop.delivery.ids': items.map(({ id }) => publicId('dlv', id)),
      'bellhop.batch.size': items.length,
    };
    const work = async (): Promise<readonly SendOutcome[]> => {
      const outcomes = await sender.send(items, signal);
      telemetry.note(() => ({ facts: countsOf(outcomes) }));
      return outcomes;
    };
    return telemetry.during('send', 'client', () => ({ facts }), work);
  };
  return new Proxy(client, {
    get(target, name) {
      if (name === 'sender') return { send };
      // Bound to the client itself, which may have private fields.
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/** `bellhop.outcome.accepted: 12` */
function countsOf(outcomes: readonly SendOutcome[]): Record<string, number> {
  const groups = Map.groupBy(outcomes, ({ kind }) => kind);
  return Object.fromEntries([...groups].map(([kind, { length }]) => [`bellhop.outcome.${kind}`, length]));
}
