import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A TCP hop that can turn into a black hole: packets vanish, nobody is told. */
export interface Relay {
  readonly port: number;
  /** Stops forwarding on every connection that is open now; later ones work. */
  freeze(): void;
  close(): Promise<void>;
}

/** @param target port on loopback that the relay forwards to. */
export async function startRelay(target: number): Promise<Relay> {
  const pairs = new Set<readonly [Socket, Socket]>();
  const server = createServer((client) => {
    const pair = [client, connect(target, '127.0.0.1')] as const;
    pairs.add(pair);
    join(pair, () => pairs.delete(pair));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    freeze: () => pairs.forEach(freeze),
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of [...pairs].flat()) socket.destroy();
      await closed;
    },
  };
}

function join(pair: readonly [Socket, Socket], ended: () => void): void {
  const [client, upstream] = pair;
  client.pipe(upstream).pipe(client);
  for (const socket of pair) {
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      ended();
      client.destroy();
      upstream.destroy();
    });
  }
}

function freeze(pair: readonly [Socket, Socket]): void {
  for (const socket of pair) socket.unpipe().pause();
}
