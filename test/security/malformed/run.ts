import { Random, seedOf } from '../../chaos/stage/random.js';
import { Findings } from '../../chaos/findings.js';
import { internalId } from '../../../src/platform/ids.js';
import { ApiCaller } from './api.js';
import { digestOf, lookAtProcess, lookAtRows } from './checks.js';
import { Figures } from './figures.js';
import { inboundRequest } from './inbound.js';
import { growthOf, type Sample } from './memory.js';
import { Names } from './names.js';
import { excerpt, type Generated } from './request.js';
import { Site } from './site.js';
import { type Answer, WireClient } from './wire.js';

export interface RunOptions {
  readonly seed: number;
  readonly requests: number;
}

const LANES = 24;
const SAMPLES = 25;
/** What may be gained after the warm-up; a leak of what belongs to a request would be many times as much. */
const ALLOWED_HEAP_MB = 24;
const ALLOWED_RSS_MB = 64;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/**
 * Sends generated requests to a platform of its own, and looks at answers, process, log and tables.
 * @returns whether every promise was kept.
 */
export async function runMalformed({ seed, requests }: RunOptions): Promise<boolean> {
  say(`Malformed requests: ${requests}. Repeat with --seed ${seed} --requests ${requests}`);
  const site = await Site.open(seed);
  try {
    const assault = await Assault.prepare(site, seed);
    await assault.carryOut(requests);
    await assault.conclude();
    return report(assault);
  } finally {
    await site.close();
  }
}

/** The requests of one run, each made from the seed and its number alone but for the ids in its path. */
class Assault {
  readonly findings = new Findings();
  readonly figures = new Figures();
  private readonly samples: Sample[] = [];
  private readonly kept = new Set<string>();
  private readonly faults = new Map<string, object[]>(PROMISES.map((promise) => [promise, []]));
  private sent = 0;
  private connections = 0;

  private constructor(
    private readonly site: Site,
    private readonly seed: number,
    private readonly generate: (random: Random) => Generated,
    private readonly names: Names,
    private readonly opaque: ReadonlySet<string>,
  ) {}

  static async prepare(site: Site, seed: number): Promise<Assault> {
    const callers = await site.callers();
    const credentials = await site.credentials();
    const names = new Names(credentials.reserved);
    const api = new ApiCaller(credentials, names);
    const generate = (random: Random): Generated =>
      random.next() < 0.5 ? inboundRequest(random, random.pick(callers)) : api.request(random);
    const opaque = callers.flatMap(({ vendor, path }) => (vendor.isOpaque ? uuidIn(path) : []));
    return new Assault(site, seed, generate, names, new Set(opaque));
  }

  async carryOut(requests: number): Promise<void> {
    const started = performance.now();
    const lanes = Array.from({ length: LANES }, () => this.lane(requests));
    await Promise.all([...lanes, this.watch(requests)]);
    const seconds = (performance.now() - started) / 1000;
    this.findings.figure('requests', this.figures.total);
    this.findings.figure('connections', this.connections);
    this.findings.figure('requests a second', this.figures.total / seconds);
  }

  async conclude(): Promise<void> {
    const { findings, site } = this;
    await lookAtRows(findings, site.databaseUrl, { kept: this.kept, opaque: this.opaque });
    this.samples.push(await this.sample());
    await site.stop();
    lookAtProcess(findings, site.node);
    site.log.report(findings);
    for (const [promise, found] of this.faults) findings.expectNone(promise, found);
    this.judgeMemory();
  }

  private async lane(requests: number): Promise<void> {
    const client = new WireClient('127.0.0.1', this.site.slot.port);
    while (this.sent < requests) await this.one(client, this.sent++);
    this.connections += client.connections;
    client.close();
  }

  private async one(client: WireClient, number: number): Promise<void> {
    const request = this.generate(new Random(seedOf(this.seed, String(number))));
    if (request.keeps) this.kept.add(digestOf(request.keeps));
    try {
      const answer = await client.send(request);
      this.figures.add(request.kind, answer);
      this.judge(number, request, answer);
      this.names.learn(answer.body.toString());
    } catch (error) {
      this.note('requests without an answer', number, request, { error: (error as Error).message });
    }
  }

  private judge(number: number, request: Generated, answer: Answer): void {
    const seen = { status: answer.status, answer: excerpt(answer.body) };
    if (answer.status >= 500 && answer.status !== 503)
      this.note('answers of 5xx other than 503', number, request, seen);
    if (answer.status === 503) this.note('answers of 503 while all is well', number, request, seen);
    const wrong = request.judge(answer);
    if (wrong) this.note('answers in words that are not foreseen', number, request, { wrong, ...seen });
  }

  private note(promise: string, number: number, { kind, bytes }: Generated, seen: object): void {
    this.faults.get(promise)?.push({ number, kind, ...seen, sent: excerpt(bytes) });
  }

  /** Samples the memory while the requests go on. */
  private async watch(requests: number): Promise<void> {
    for (let next = 0; next <= requests; next += requests / SAMPLES) {
      while (this.sent < next) await new Promise((resolve) => setTimeout(resolve, 20));
      this.samples.push(await this.sample());
    }
  }

  private async sample(): Promise<Sample> {
    const { heapMb, rssMb } = await this.site.node.heap();
    return { requests: this.sent, heapMb, rssMb };
  }

  private judgeMemory(): void {
    const { findings, samples } = this;
    const [first, last] = [samples[0], samples.at(-1)];
    const heap = growthOf(samples, ({ heapMb }) => heapMb);
    const rss = growthOf(samples, ({ rssMb }) => rssMb);
    findings.figure('heap at start and end, MB', `${first?.heapMb.toFixed(0)}, ${last?.heapMb.toFixed(0)}`);
    findings.figure('resident at start and end, MB', `${first?.rssMb.toFixed(0)}, ${last?.rssMb.toFixed(0)}`);
    findings.figure('heap gained after the warm-up, MB', heap);
    findings.figure('resident gained after the warm-up, MB', rss);
    findings.expect(`heap grows by more than ${ALLOWED_HEAP_MB} MB`, heap <= ALLOWED_HEAP_MB, samples);
    findings.expect(`resident memory grows by more than ${ALLOWED_RSS_MB} MB`, rss <= ALLOWED_RSS_MB, samples);
  }
}

/** Of the integration whose address this is. */
const uuidIn = (address: string): string => internalId('int', /int_\w{32}/.exec(address)?.[0] ?? '');

const PROMISES = [
  'answers of 5xx other than 503',
  'answers of 503 while all is well',
  'answers in words that are not foreseen',
  'requests without an answer',
];
const WIDTH = 62;

function report({ figures, findings }: Assault): boolean {
  for (const line of figures.lines) say(line);
  for (const [name, value] of findings.figures) say(`  ${name.padEnd(WIDTH)} ${value}`);
  for (const [promise, count] of findings.counts) say(`  ${promise.padEnd(WIDTH)} ${count}`);
  for (const { promise, count, examples } of findings.broken) {
    say(`VIOLATED: ${count} ${promise}, such as`);
    for (const example of examples) say(`    ${example}`);
  }
  return findings.broken.length === 0;
}
