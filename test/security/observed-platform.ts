import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Recorder } from './recorder.js';

const ROOT = path.resolve(import.meta.dirname, '../..');
const START_MS = 60_000;

/** What came back, for the test alone. */
export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly text: string;
}

export interface CallOptions {
  readonly key?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** What this call shows once, by design: taken out before the reply is searched. */
  readonly shows?: (body: Record<string, unknown>) => string | undefined;
}

/** The product in a process of its own, at its most talkative: all that it prints and answers is recorded. */
export class ObservedPlatform {
  private constructor(
    readonly url: string,
    private readonly child: ChildProcess,
    private readonly recorder: Recorder,
    private readonly ended: Promise<unknown>,
  ) {}

  static async start(env: Readonly<Record<string, string>>, recorder: Recorder): Promise<ObservedPlatform> {
    const child = spawn(process.execPath, ['--import', './scripts/ts-hook.mjs', 'src/main.ts'], {
      cwd: ROOT,
      env: { PATH: process.env['PATH'] ?? '', LOG_LEVEL: 'trace', HOST: '127.0.0.1', PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => recorder.add('log (stdout)', chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => {
      recorder.add('log (stderr)', chunk.toString());
      said += chunk.toString();
      const [, url] = /listens on (\S+),/.exec(said) ?? [];
      if (url) resolve(url);
    });
    const ended = once(child, 'close');
    void ended.then(() => reject(new Error(`It did not start: ${said}`)));
    const watchdog = setTimeout(() => child.kill('SIGKILL'), START_MS);
    const url = await promise;
    clearTimeout(watchdog);
    return new ObservedPlatform(url, child, recorder, ended);
  }

  /** A call whose reply is recorded: status line, headers and body. */
  async call(method: string, address: string, { key, body, headers, shows }: CallOptions = {}): Promise<Answer> {
    const reply = await fetch(this.url + address, {
      method,
      headers: {
        ...(key && { authorization: `Bearer ${key}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await reply.text();
    const parsed = parse(text);
    const shown = shows?.(parsed);
    const kept = shown ? text.replaceAll(shown, '(shown once)') : text;
    this.recorder.add(
      `reply to ${method} ${address.split('?')[0]}`,
      `${reply.status} ${JSON.stringify([...reply.headers])} ${kept}`,
    );
    return { status: reply.status, body: parsed, text };
  }

  /** As a vendor would: exactly these bytes, to the address with the secret. */
  async post(inboundUrl: string, init: RequestInit & { readonly suffix?: string }): Promise<number> {
    const reply = await fetch(inboundUrl + (init.suffix ?? ''), { method: 'POST', ...init });
    this.recorder.add(
      'reply to a callback',
      `${reply.status} ${JSON.stringify([...reply.headers])} ${await reply.text()}`,
    );
    return reply.status;
  }

  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    await this.ended;
  }
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
