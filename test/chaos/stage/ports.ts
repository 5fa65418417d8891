import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports that the system gives to whoever connects (`ip_local_port_range`). */
const [LOWEST, HIGHEST] = [15_000, 30_000];

/** Those that have been given away; not all of them are in use at every moment. */
const given = new Set<number>();

/**
 * A port at which servers may follow one another. While none listens, clients try it again and again: with a port that
 * the system hands out, one of them would sooner or later be connected to itself, and keep the next server from it.
 */
export async function lastingPort(): Promise<number> {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (given.has(port)) continue;
    const server = createServer();
    try {
      await once(server.listen(port, '127.0.0.1'), 'listening');
      given.add(port);
      return port;
    } catch {
      // Somebody has it.
    } finally {
      server.close();
    }
  }
}
