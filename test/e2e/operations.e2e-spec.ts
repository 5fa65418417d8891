import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Metric } from 'prom-client';
import { Metrics } from '../../src/platform/metrics.js';
import { TestPlatform } from '../support/app.js';

const ROOT = path.resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');

const DOCS = read('docs/operations.md');
const RULES = read('ops/prometheus/bellhop.rules.yml');
const DASHBOARD = read('ops/grafana/bellhop.json');

interface Documented {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly targets?: readonly { readonly expr: string }[];
}

/** Metrics that prom-client collects of every process. */
const OF_NODE = /^bellhop_(process|nodejs)_/;
/** Labels that Prometheus adds by itself. */
const OF_PROMETHEUS = new Set(['instance', 'job', 'le']);

/** Names under which a metric can be asked for, with the labels that it has. */
type Known = ReadonlyMap<string, readonly string[]>;

/** Every `bellhop_…` in a text, with the names of the labels in its braces. */
function usesIn(text: string): { name: string; labels: string[] }[] {
  return [...text.matchAll(/\b(bellhop_[a-z0-9_]+)(?:\{([^}]*)\})?/g)].map(([, name = '', selector = '']) => ({
    name,
    labels: [...selector.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
  }));
}

describe('metrics', () => {
  let platform: TestPlatform;
  let registered: Documented[];
  let known: Known;

  beforeAll(async () => {
    platform = await TestPlatform.start({ role: 'all' });
    const { registry } = platform.app.get(Metrics);
    const metrics = registry.getMetricsAsArray() as unknown as (Metric & {
      name: string;
      type: string;
      labelNames: string[];
    })[];
    registered = metrics.map(({ name, type, labelNames }) => ({ name, type, labels: labelNames }));
    known = new Map(
      registered.flatMap(({ name, type, labels }): [string, readonly string[]][] =>
        type === 'histogram'
          ? ['_bucket', '_sum', '_count'].map((suffix) => [name + suffix, labels])
          : [[name, labels]],
      ),
    );
  });
  afterAll(() => platform?.stop());

  it('are documented: name, type and labels, none more and none less', () => {
    const section = DOCS.slice(DOCS.indexOf('\n## Metrics\n'), DOCS.indexOf('\n## Dashboard and alerts\n'));
    const rows = [...section.matchAll(/^\| `(bellhop_\w+)` *\| (\w+) *\| ([^|]*)\|/gm)];
    const documented = rows.map(([, name = '', type = '', labels = '']) => ({
      name,
      type,
      labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label).sort(),
    }));
    const own = registered
      .filter(({ name }) => !OF_NODE.test(name))
      .map(({ name, type, labels }) => ({ name, type, labels: [...labels].sort() }));
    const byName = (a: Documented, b: Documented): number => (a.name < b.name ? -1 : 1);
    expect(documented.sort(byName)).toEqual(own.sort(byName));
  });

  it.each([
    ['alerts', RULES],
    ['the dashboard', DASHBOARD.replaceAll('\\"', '"')],
  ])('that %s ask for are reported, with these labels', (_what, text) => {
    const uses = usesIn(text);
    expect(uses.length).toBeGreaterThan(20);
    const unknown = uses.filter(({ name, labels }) => {
      const has = known.get(name);
      return !has || labels.some((label) => !has.includes(label) && !OF_PROMETHEUS.has(label));
    });
    expect(unknown).toEqual([]);
  });

  it('are each on the dashboard, so that nothing is counted for nobody', () => {
    const shown = new Set(usesIn(DASHBOARD).map(({ name }) => name.replace(/_(bucket|sum|count)$/, '')));
    const own = registered.map(({ name }) => name).filter((name) => !OF_NODE.test(name));
    expect(own.filter((name) => !shown.has(name))).toEqual([]);
  });

  it('of the state of things are looked up at every scrape', async () => {
    const app = await platform.createApp();
    await app.integrate({ plugin: 'kf5', name: 'KF5', config: {} });
    await platform.sql.query(`UPDATE integration SET state = 'paused', pause_reason = 'operator'`);
    await platform.sql.query(
      `INSERT INTO inbound_event (app_id, id, integration_id, callback_id, position, key, state, received_at)
       VALUES ($1, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 0, 'stuck', 'accepted', now() - interval '1 hour')`,
      [app.id],
    );
    const { body } = await platform.request<string>('GET', '/metrics');
    await platform.sql.query(`DELETE FROM inbound_event`);
    expect(body).toMatch(/^bellhop_integrations\{plugin="kf5",state="paused",reason="operator"\} 1$/m);
    expect(body).toMatch(/^bellhop_oldest_event_seconds 36\d\d\.\d+$/m);
    expect(body).toMatch(/^bellhop_processes\{role="all"\} 1$/m);
    expect(body).toMatch(/^bellhop_info\{version="\d+\.\d+\.\d+",role="all",node="24[^"]*"\} 1$/m);
    expect(body).toMatch(/^bellhop_database_connections\{state="most"\} 20$/m);
  });

  it('that cannot be looked up leave a gap, and the others stay', async () => {
    await platform.sql.query('ALTER TABLE integration RENAME TO hidden');
    const { status, body } = await platform.request<string>('GET', '/metrics');
    await platform.sql.query('ALTER TABLE hidden RENAME TO integration');
    expect([status, /^bellhop_integrations\{/m.test(body)]).toEqual([200, false]);
    expect(body).toMatch(/^bellhop_info\{/m);
  });
});

describe('alerts', () => {
  const alerts = [...RULES.matchAll(/- alert: (\w+)\n([^]*?)(?=\n {6}- alert:|\n {2}- name:|$)/g)].map(
    ([, name = '', body = '']) => ({ name, body }),
  );
  const headings = [...DOCS.matchAll(/^### (Bellhop\w+)$/gm)].map(([, name = '']) => name);

  it('have names of their own, a severity, and words', () => {
    expect(alerts.length).toBeGreaterThan(20);
    expect(new Set(alerts.map(({ name }) => name)).size).toBe(alerts.length);
    for (const { name, body } of alerts) {
      expect([name, body]).toEqual([name, expect.stringMatching(/severity: (critical|warning)/)]);
      expect([name, body]).toEqual([name, expect.stringMatching(/summary: \S/)]);
    }
  });

  it('have a section each, which says what it means, where to look and what to do', () => {
    expect(headings).toEqual(alerts.map(({ name }) => name));
    for (const { name, body } of alerts) {
      expect([name, body]).toEqual([
        name,
        expect.stringContaining(`runbook: docs/operations.md#${name.toLowerCase()}\n`),
      ]);
      const [, section = ''] = new RegExp(`^### ${name}\\n([^]*?)(?=\\n##)`, 'm').exec(DOCS) ?? [];
      const parts = [/\*\*Means:\*\*/, /\*\*Look( and do)?:\*\*/, /\*\*(Do|Look and do):\*\*/];
      expect([name, parts.map((part) => part.test(section))]).toEqual([name, [true, true, true]]);
    }
  });

  it('link to sections that exist', () => {
    const anchors = new Set([...DOCS.matchAll(/^#+ (.+)$/gm)].map(([, text = '']) => anchorOf(text)));
    const links = [...DOCS.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor = '']) => anchor);
    expect(links.filter((anchor) => !anchors.has(anchor))).toEqual([]);
  });
});

const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w\s-]/g, '')
    .trim()
    .replace(/\s+/g, '-');

describe('the dashboard', () => {
  const { panels } = JSON.parse(DASHBOARD) as { panels: readonly Panel[] };

  it('has panels of their own, each with a question', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const empty = panels.filter(
      ({ type, targets }) => type !== 'row' && !targets?.every(({ expr }) => expr.length > 0),
    );
    expect(empty).toEqual([]);
  });
});
