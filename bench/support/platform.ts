import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface PlatformOptions {
  readonly databaseUrl: string;
  readonly role: 'all' | 'api' | 'worker';
  /** Wins over what a test platform gets. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Of a built release. Default: this one. */
  readonly folder?: string;
  /** For Node itself. */
  readonly execArgv?: readonly string[];
  /** Gets every line of both outputs. Absent: what it says once it is up goes to our own. */
  readonly onLine?: (line: string) => void;
}

export const PLATFORM_KEY = 'platform-key-of-benchmarks-0123456789abcdef';
/** As `npm start` does. */
const PROGRAM = ['--max-semi-space-size=32', '--heap-growing-percent=100', '--enable-source-maps', 'dist/src/main.js'];
const SEALING_KEY = Buffer.alloc(32, 7);
/** What seals the tokens, for those who write devices themselves. */
export const VAULT_KEYS = [{ id: 'bench', bytes: SEALING_KEY }];

/** The built platform (`dist/src/main.js`), in a process of its own, on a free port of loopback. */
export class Platform {
  /** Resolves when it has ended, for whatever reason: to its exit code or the signal. */
  readonly ended: Promise<number | NodeJS.Signals>;

  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {
    this.ended = endOf(child);
  }

  /** @throws {Error} with the last words of a process that did not come up. */
  static async start(options: PlatformOptions): Promise<Platform> {
    const { databaseUrl, role, environment, folder, execArgv = [], onLine } = options;
    const child = spawn(process.execPath, [...execArgv, ...profiling(role), ...PROGRAM], {
      cwd: folder,
      stdio: ['ignore', onLine ? 'pipe' : 'inherit', 'pipe'],
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        NODE_ENV: 'production',
        DATABASE_URL: databaseUrl,
        BELLHOP_ROLE: role,
        BELLHOP_SANDBOX: 'false',
        BELLHOP_KEYS: `bench:${SEALING_KEY.toString('base64')}`,
        BELLHOP_PLATFORM_KEY: PLATFORM_KEY,
        MIGRATE_ON_BOOT: 'true',
        HOST: '127.0.0.1',
        PORT: '0',
        LOG_LEVEL: 'error',
        ...environment,
      },
    });
    if (onLine && child.stdout) createInterface({ input: child.stdout }).on('line', onLine);
    return new Platform(child, await addressOf(child, onLine));
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** As an operator: an app, and a key that may do everything in it. */
  async createApp(): Promise<AppApi> {
    const operator = new AppApi(this.url, PLATFORM_KEY);
    const { id } = await operator.call<{ id: string }>('POST', '/v1/apps', { name: 'Load', deepLinkScheme: 'load' });
    const body = { name: 'Load', scopes: ['admin'] };
    const { key } = await operator.call<{ key: string }>('POST', `/v1/apps/${id}/api-keys`, body);
    return new AppApi(this.url, key, id);
  }

  /** Halts it where it stands; it goes on, warm, when it is thawed. */
  freeze(): void {
    this.child.kill('SIGSTOP');
  }

  thaw(): void {
    this.child.kill('SIGCONT');
  }

  /** Ends it as an operator would: what is under way is finished. */
  stop(): Promise<void> {
    return this.end('SIGTERM');
  }

  /** Ends it as a failing machine would. */
  kill(): Promise<void> {
    return this.end('SIGKILL');
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    this.child.kill(signal);
    await this.ended;
  }
}

/** `BENCH_PROFILE=api,all` leaves CPU profiles of processes of these roles in `bench/results/`. */
function profiling(role: string): string[] {
  const roles = process.env.BENCH_PROFILE?.split(',') ?? [];
  return roles.includes(role) ? ['--cpu-prof', '--cpu-prof-dir=bench/results'] : [];
}

async function endOf(child: ChildProcess): Promise<number | NodeJS.Signals> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.signalCode ?? child.exitCode ?? 0;
}

/** The process announces that it stops; we asked for it. */
const FAREWELL = /^SIGTERM: /;

/** Waits for the line that names the address; what the process says afterwards goes to our own error output. */
async function addressOf(child: ChildProcess, onLine?: (line: string) => void): Promise<string> {
  const said: string[] = [];
  let up = false;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  child.once('error', reject);
  child.once('exit', (code) => reject(new Error(`The platform ended with ${code}:\n${said.join('\n')}`)));
  createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
    onLine?.(line);
    if (up && onLine) return;
    if (up) {
      if (!FAREWELL.test(line)) process.stderr.write(`${line}\n`);
      return;
    }
    said.push(line);
    const url = /(?:listens on|probes at) (https?:\/\/[^\s,/]+)/.exec(line)?.[1];
    if (!url) return;
    up = true;
    resolve(url);
  });
  return promise;
}

/** The REST API with the key of one app. */
export class AppApi {
  constructor(
    private readonly url: string,
    readonly key: string,
    readonly appId = '',
  ) {}

  /** @throws {Error} for every answer but a success. */
  async call<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${this.key}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return (text ? JSON.parse(text) : undefined) as T;
  }

  /** @returns the path that its vendor calls, empty of a host: a restarted platform has another port. */
  async integrate(plugin: string, config: object, settings: object = {}): Promise<{ id: string; path: string }> {
    const body = { plugin, name: plugin, config, settings };
    const { id, callbackUrl } = await this.call<{ id: string; callbackUrl: string }>('POST', '/v1/integrations', body);
    return { id, path: new URL(callbackUrl).pathname };
  }
}

/** A secret of a vendor. */
export const newSecret = (): string => randomBytes(16).toString('hex');
