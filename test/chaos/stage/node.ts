import path from 'node:path';
import { Platform, type PlatformOptions } from '../../../bench/support/platform.js';
import type { FaultPoint } from '../../../src/platform/fault-points.js';
import type { Outputs } from './outputs.js';
import { lastingPort } from './ports.js';
import { type Heap, Watched } from './watched.js';

/** An address at which processes follow one another. */
export interface Slot {
  readonly name: string;
  readonly port: number;
  readonly url: string;
}

export async function newSlot(name: string): Promise<Slot> {
  const port = await lastingPort();
  return { name, port, url: `http://127.0.0.1:${port}` };
}

/** What one process has compiled the others need not. */
const COMPILED = path.resolve('.data/chaos/compiled');

/** Watches a process of any release. */
const WATCH = path.resolve('dist/test/chaos/watch.js');

export interface NodeOptions {
  readonly slot: Slot;
  readonly databaseUrl: string;
  /** Default `all`. */
  readonly role?: PlatformOptions['role'];
  /** It is killed when it gets there for the so-manieth time. */
  readonly fault?: { readonly point: FaultPoint; readonly times: number };
  readonly environment?: Readonly<Record<string, string>>;
  /** Of a built release. Default: this one. */
  readonly folder?: string;
  readonly execArgv?: readonly string[];
  readonly outputs: Outputs;
  /** For what `watch.ts` writes. */
  readonly watchFile: string;
  /** Told when it ends and nobody asked for it. */
  readonly onDeath?: (words: string) => void;
}

/** One process of the platform, watched from inside and outside. */
export class ChaosNode {
  /** Ends that nobody asked for. */
  readonly deaths: string[] = [];
  readonly upAt = Date.now();
  private expected: boolean;
  private hasEnded = false;
  private first: Heap | undefined;

  private constructor(
    private readonly platform: Platform,
    readonly slot: Slot,
    private readonly watched: Watched,
    { fault, onDeath }: NodeOptions,
  ) {
    this.expected = fault !== undefined;
    void this.remember(onDeath);
  }

  static async start(options: NodeOptions): Promise<ChaosNode> {
    const { slot, databaseUrl, role = 'all', fault, environment, folder, execArgv = [] } = options;
    const { outputs, watchFile } = options;
    const platform = await Platform.start({
      databaseUrl,
      role,
      environment: {
        // Faults do nothing in production.
        NODE_ENV: 'test',
        PORT: String(slot.port),
        LOG_LEVEL: 'info',
        BELLHOP_EGRESS_ALLOW: '127.0.0.1:*',
        CHAOS_WATCH: watchFile,
        NODE_COMPILE_CACHE: COMPILED,
        ...(fault && { BELLHOP_FAULT: `kill:${fault.point}:${fault.times}` }),
        ...environment,
      },
      ...(folder && { folder }),
      execArgv: ['--expose-gc', '--import', WATCH, ...execArgv],
      onLine: (line) => outputs.take(slot.name, line),
    });
    const node = new ChaosNode(platform, slot, new Watched(watchFile), options);
    // One that is armed may be gone before it answers.
    if (!fault) node.first = await node.heap();
    return node;
  }

  get pid(): number {
    return this.platform.pid;
  }

  /** Of the platform that runs in it. */
  get api(): Platform {
    return this.platform;
  }

  /** Resolves when it has ended, to its exit code or the signal. */
  get ended(): Promise<number | NodeJS.Signals> {
    return this.platform.ended;
  }

  /** Stalls that began since it was up, and uncaught exceptions. */
  get complaints() {
    return this.watched.lines.filter(
      (line) => line.kind === 'uncaught' || (line.kind === 'stall' && line.at - line.ms > this.upAt),
    );
  }

  heap(): Promise<Heap> {
    return this.watched.heap(this.pid);
  }

  /** What was and is left after a collection; undefined for one that has ended, or was armed. */
  async heaps(): Promise<readonly [first: Heap, now: Heap] | undefined> {
    return this.first && !this.hasEnded ? [this.first, await this.heap()] : undefined;
  }

  private async remember(onDeath: NodeOptions['onDeath']): Promise<void> {
    const end = await this.ended;
    this.hasEnded = true;
    if (this.expected) return;
    const words = `${this.slot.name} ended by itself: ${end}`;
    this.deaths.push(words);
    onDeath?.(words);
  }

  /** As an operator would; the exit code must be 0. @returns the seconds it took. */
  async stop(): Promise<number> {
    this.expected = true;
    const started = performance.now();
    await this.platform.stop();
    const end = await this.ended;
    if (end !== 0 && end !== 'SIGKILL') this.deaths.push(`${this.slot.name} stopped with ${end}`);
    return (performance.now() - started) / 1000;
  }

  /** As a failing machine would. */
  async kill(): Promise<void> {
    this.expected = true;
    await this.platform.kill();
  }
}
