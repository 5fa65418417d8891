/**
 * Holds what tests have executed of the vendors' fixtures (libs/contracts/testing/executed.ts) against the files, and
 * prints both numbers. A whole run that leaves an entry out fails.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const LOG = 'BELLHOP_EXECUTED_LOG';
const VENDORS = path.resolve(import.meta.dirname, '../libs/vendors');

/** Lists that hold no entries, but what entries use. */
const NO_ENTRIES = new Set(['rongcloud/audience-resolution.json devices', 'nim/push-copy-resolution.json templates']);
/** Calls that the product does not make: it reads no tickets of KF5, and answers none. */
const LEFT_OUT = new Set(['kf5/vectors.json outbound']);
/** Callbacks; these are also sent over HTTP to a platform with PostgreSQL. */
const CALLBACKS = /^\w+\/(?:vectors\.json inbound|inbound-[\w-]+\.json cases)$/;
const OVER_HTTP = /\/test\/e2e\/vectors-[\w-]+\.e2e-spec\.ts$/;

export default class FixtureReporter {
  #globalConfig;
  #folder;
  #fault;

  constructor(globalConfig) {
    this.#globalConfig = globalConfig;
  }

  onRunStart() {
    this.#folder = mkdtempSync(path.join(os.tmpdir(), 'bellhop-executed-'));
    process.env[LOG] = path.join(this.#folder, 'entries');
  }

  onRunComplete() {
    const executed = readLog(process.env[LOG]);
    rmSync(this.#folder, { recursive: true });
    if (executed.size === 0) return;
    const all = readdirSync(VENDORS).flatMap(entriesOf);
    const entries = all.filter(({ list }) => !LEFT_OUT.has(list));
    const vendors = Map.groupBy(entries, ({ vendor }) => vendor);
    for (const [vendor, some] of vendors) console.info(`vectors executed: ${vendor} ${told(some, executed)}`);
    console.info(`vectors executed: total ${told(entries, executed)}`);
    console.info(`vectors left out: ${all.length - entries.length} (${[...LEFT_OUT].join(', ')})`);
    const missing = entries.filter(({ key }) => !executed.has(key));
    if (!isWhole(this.#globalConfig) || missing.length === 0) return;
    this.#fault = new Error(`Fixtures that no test has executed:\n${missing.map(({ key }) => `  ${key}`).join('\n')}`);
    console.error(this.#fault.message);
  }

  getLastError() {
    return this.#fault;
  }
}

/** Entry → the specs that executed it. */
function readLog(file) {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  const executed = new Map();
  for (const [name, entry, spec] of lines.map((line) => JSON.parse(line))) {
    const key = `${name} ${entry}`;
    executed.set(key, (executed.get(key) ?? new Set()).add(spec));
  }
  return executed;
}

/** Where a vendor has `vectors.json`, its other files are bodies that the vectors name. */
function entriesOf(vendor) {
  const folder = path.join(VENDORS, vendor, 'fixtures');
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  return (files.includes('vectors.json') ? ['vectors.json'] : files).flatMap((file) => {
    const content = JSON.parse(readFileSync(path.join(folder, file), 'utf8'));
    return listsIn(content)
      .map(([list, items]) => [`${vendor}/${file} ${list}`, items])
      .filter(([list]) => !NO_ENTRIES.has(list))
      .flatMap(([list, items]) =>
        items.map(({ id }, place) => ({
          vendor,
          list,
          key: `${vendor}/${file} ${id ?? `${list.split(' ')[1]}/${place}`}`,
          isCallback: CALLBACKS.test(list),
        })),
      );
  });
}

/** Lists of objects, whether they stand at the top or below a name. */
function listsIn(content, at = '') {
  return Object.entries(content).flatMap(([name, value]) => {
    const place = at ? `${at}/${name}` : name;
    if (Array.isArray(value)) return value.every(isObject) ? [[place, value]] : [];
    return isObject(value) ? listsIn(value, place) : [];
  });
}

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

function told(entries, executed) {
  const ran = entries.filter(({ key }) => executed.has(key));
  const callbacks = entries.filter(({ isCallback }) => isCallback);
  const sent = callbacks.filter(({ key }) => [...(executed.get(key) ?? [])].some((spec) => OVER_HTTP.test(spec)));
  const overHttp = callbacks.length > 0 ? ` (callbacks over HTTP: ${sent.length} of ${callbacks.length})` : '';
  return `${ran.length} of ${entries.length}${overHttp}`;
}

function isWhole({ testPathPatterns, testNamePattern, onlyChanged, onlyFailures, shard, watch, watchAll }) {
  return !(testPathPatterns.isSet() || testNamePattern || onlyChanged || onlyFailures || shard || watch || watchAll);
}
