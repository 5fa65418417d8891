import { type BeforeApplicationShutdown, Injectable, Logger } from '@nestjs/common';
import os from 'node:os';
import { Environment } from './env.js';
import { newId } from './ids.js';
import { Sql } from './sql.js';
import type { SealedColumn } from './vault.columns.js';
import { forgetProcess, REPORT_EVERY_MS, reportProcess } from './vault.processes.js';
import { opened, openedKey, openRing, readDataKeys } from './vault.ring.js';
import { Vault } from './vault.js';

/** Gives the vault its data keys at start, and those that a rotation makes while the process runs. */
@Injectable()
export class VaultKeeper implements BeforeApplicationShutdown {
  private readonly log = new Logger(VaultKeeper.name);
  private readonly id = newId();
  private timer: NodeJS.Timeout | undefined;
  private known: readonly string[] = [];
  private warnedOf = '';

  constructor(
    private readonly sql: Sql,
    private readonly vault: Vault,
    private readonly environment: Environment,
  ) {}

  /**
   * Before anything is read or written.
   * @throws {EnvironmentInvalidError} when the ring is not that of this database.
   */
  async unlock(columns: readonly SealedColumn[]): Promise<void> {
    this.vault.use(await openRing(this.sql, this.environment.keys, columns));
    await this.refresh();
    this.timer = setInterval(() => void this.look(), REPORT_EVERY_MS);
    this.timer.unref();
  }

  /** Takes over the data keys that have been made or put to use since, and says which ones this process has. */
  async refresh(): Promise<void> {
    const ring = new Vault(this.environment.keys);
    const rows = await readDataKeys(this.sql);
    const mine = rows.filter((row) => openedKey(ring, row));
    // A ring that is older than the database opens none of them: what was read before stays good.
    if (mine.some(({ purpose }) => purpose === 'hashing')) {
      this.vault.use(opened(this.environment.keys, mine));
      this.known = mine.map(({ id }) => id);
    }
    this.warnOf(rows.filter((row) => !mine.includes(row)).map(({ ringKey }) => ringKey));
    await this.report();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    if (this.timer) await forgetProcess(this.sql, this.id).catch(() => undefined);
  }

  private async look(): Promise<void> {
    await this.refresh().catch((error: Error) => this.log.debug({ cause: error.message }, 'Keys were not looked for'));
  }

  private async report(): Promise<void> {
    await reportProcess(this.sql, {
      id: this.id,
      host: os.hostname(),
      pid: process.pid,
      role: this.environment.role,
      ringKeys: this.environment.keys.map(({ id }) => id),
      dataKeys: this.known,
      sealingKey: this.vault.sealingKey,
    });
  }

  /** Once per key: the process works on with what it has, and cannot be started again. */
  private warnOf(ringKeys: readonly string[]): void {
    const missing = [...new Set(ringKeys)].join(', ');
    if (missing && missing !== this.warnedOf) {
      this.log.warn({ missing }, 'The key ring was rotated, and BELLHOP_KEYS of this process lacks a key: restart it');
    }
    this.warnedOf = missing;
  }
}
