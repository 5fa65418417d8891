import type { Findings, Plot, Scenario, Table } from '../scenario.js';
import { bellhop, ceiling, ECHAT, NIM } from '../support/callback-targets.js';
import { BODY_BYTES, type Vendor } from '../support/callbacks.js';
import { ROUTED, rowsOf, turnTable } from '../support/turn-tables.js';
import { isValid, medianOf, ratioOf, type Turn, type TurnOptions, Turns, where } from '../support/turns.js';

/** Of the rows that targets are set for. */
const MAIN_CONNECTIONS = 64;
const CONNECTIONS = [1, 16, 64, 256];

export const ingest: Scenario = {
  name: 'ingest',
  about: 'callbacks acknowledged per second, beside servers that do nothing but commit',
  async run({ server, rounds, quick }) {
    const [seconds, sideSeconds] = quick ? [0.5, 0.1] : [3, 1.2];
    const targets = [
      await ceiling(server, 'A'),
      await ceiling(server, 'G'),
      await bellhop(server, 'api'),
      await bellhop(server, 'all'),
    ];
    const turns = new Turns(server);
    try {
      await turns.take(targets, [{ vendor: NIM, connections: MAIN_CONNECTIONS, seconds }], 0, rounds);
      // On servers that are warm by now.
      await turns.take(targets.slice(0, 3), sideLoads(sideSeconds), 1, rounds);
    } finally {
      await Promise.all([turns.end(), ...targets.map((target) => target.stop())]);
    }
    const settings = { seconds, sideSeconds, connections: CONNECTIONS, bodyBytes: BODY_BYTES };
    return {
      settings,
      ...figuresOf(
        turns.measured,
        targets.map(({ name }) => name),
      ),
    };
  },
};

function sideLoads(seconds: number): Omit<TurnOptions, 'round'>[] {
  const loads = [NIM, ECHAT].flatMap((vendor) => CONNECTIONS.map((connections) => ({ vendor, connections, seconds })));
  return loads.filter(({ vendor, connections }) => vendor !== NIM || connections !== MAIN_CONNECTIONS);
}

/** @param names of A, G and the platform in the roles `api` and `all`. */
function figuresOf(turns: readonly Turn[], names: readonly string[]): Omit<Findings, 'settings'> {
  const [a, , api, all] = names;
  const main = where(turns, { vendor: 'nim', connections: MAIN_CONNECTIONS });
  const sides = names.slice(0, 3);
  return {
    tables: [
      turnTable(`NIM, 1 KB of JSON, ${MAIN_CONNECTIONS} connections`, rowsOf(main, names), [ROUTED]),
      sideTable('NIM, 1 KB of JSON', where(turns, { vendor: 'nim' }), sides),
      sideTable('Echat, 1 KB of XML', where(turns, { vendor: 'echat' }), sides),
    ],
    plots: [ratePlot(turns, sides), p99Plot(turns, sides)],
    measures: [
      { target: 'ingest.bare', value: ratioOf(where(main, { target: api }), where(main, { target: a })) },
      { target: 'ingest.cpu', value: medianOf(where(main, { target: all }), 'serverCpuMicros') },
    ],
    rounds: turns,
    valid: turns.every(isValid),
  };
}

function sideTable(title: string, turns: readonly Turn[], names: readonly string[]): Table {
  return turnTable(
    `${title}, by connections`,
    CONNECTIONS.flatMap((connections) => rowsOf(where(turns, { connections }), names, `${connections}, `)),
  );
}

const WORDS: Readonly<Record<Vendor['kind'], string>> = { nim: 'JSON', echat: 'XML' };

function ratePlot(turns: readonly Turn[], names: readonly string[]): Plot {
  return {
    name: 'ingest-rate',
    title: 'Callbacks acknowledged per second',
    kind: 'lines',
    x: { title: 'connections', log: true },
    y: { title: 'callbacks/s' },
    series: (['nim', 'echat'] as const).flatMap((vendor) =>
      names.map((target) => ({
        name: `${target} (${WORDS[vendor]})`,
        points: CONNECTIONS.map((connections) => [
          connections,
          medianOf(where(turns, { vendor, connections, target }), 'perSecond'),
        ]),
      })),
    ),
  };
}

function p99Plot(turns: readonly Turn[], names: readonly string[]): Plot {
  return {
    name: 'ingest-p99',
    title: 'Time to the answer, p99, NIM, 1 KB of JSON',
    kind: 'bars',
    x: { title: 'connections' },
    y: { title: 'ms' },
    series: names.map((target) => ({
      name: target,
      points: CONNECTIONS.map((connections) => [
        String(connections),
        medianOf(where(turns, { vendor: 'nim', connections, target }), 'p99Ms'),
      ]),
    })),
  };
}
