import { Connection, type Prepared } from './http-client.js';
import { quantile } from './measures.js';

export interface ClosedLoopOptions {
  readonly connections: number;
  /** No request begins after that. */
  readonly seconds: number;
}

export interface LoadResult {
  /** From the first request to the last answer. */
  readonly seconds: number;
  /** Answers with 2xx. */
  readonly accepted: number;
  /** Other answers, and none. */
  readonly refused: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Posts the requests over so many connections, one at a time on each, as fast as they are answered. */
export async function closedLoop(
  { address, requests }: Prepared,
  { connections, seconds }: ClosedLoopOptions,
): Promise<LoadResult> {
  const latencies: number[] = [];
  let [accepted, refused, next] = [0, 0, 0];
  const open = await Promise.all(Array.from({ length: connections }, () => new Connection(address).ready()));
  const started = performance.now();
  const lane = (connection: Connection, done: () => void): void => {
    const sent = performance.now();
    const request = sent - started < seconds * 1000 ? requests[next++] : undefined;
    if (!request) {
      connection.end();
      return done();
    }
    connection.send(request, (status) => {
      latencies.push(performance.now() - sent);
      if (isSuccess(status)) accepted++;
      else refused++;
      lane(connection.closed ? new Connection(address) : connection, done);
    });
  };
  await Promise.all(open.map((connection) => new Promise<void>((done) => lane(connection, done))));
  const took = (performance.now() - started) / 1000;
  return { seconds: took, accepted, refused, p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99) };
}

export const isSuccess = (status: number): boolean => status >= 200 && status < 300;
