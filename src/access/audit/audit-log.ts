import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { newId } from '../../platform/ids.js';
import { Sql, type SqlRunner } from '../../platform/sql.js';
import type { Caller } from '../caller.js';
import type { ActorKind, AuditEntry } from './audit-entry.entity.js';

/** An entry before it is written; what is absent is null. */
export type NewAuditEntry = Pick<AuditEntry, 'action'> &
  Partial<Omit<AuditEntry, 'id' | 'at' | 'action' | 'actorKind' | 'actorId' | 'actorName'>> & {
    readonly actor: Actor;
  };

export interface Actor {
  readonly kind: ActorKind;
  readonly id: string | null;
  readonly name: string;
}

/** Nobody's call: what Bellhop does by itself, or lets anybody do. */
export const SYSTEM: Actor = { kind: 'system', id: null, name: 'Bellhop' };

export const actorOf = (caller: Caller | undefined): Actor => caller ?? SYSTEM;

/** Longest JSON of a before or after, in characters. */
const MOST_JSON = 32_768;
/** The longest path that names a person, with every character escaped: what is cut off could not be erased. */
const MOST_TEXT = 8_192;

const INSERT = `
  INSERT INTO audit_entry
    (id, app_id, at, actor_kind, actor_id, actor_name, request_id, action, target, address, fields, before, after)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`;

/** Where changes are written down. */
@Injectable()
export class AuditLog {
  private readonly logger = new Logger(AuditLog.name);

  constructor(
    private readonly sql: Sql,
    private readonly clock: Clock,
  ) {}

  /** Resolves when the entry is durable, or, within a transaction, when it is part of it. */
  async record(entry: NewAuditEntry, runner: SqlRunner = this.sql): Promise<void> {
    const { actor, appId = null, requestId = null, action, fields = [] } = entry;
    await runner.query(
      INSERT,
      [
        newId(),
        appId,
        this.clock.now(),
        actor.kind,
        actor.id,
        actor.name,
        requestId,
        action,
        entry.target?.slice(0, MOST_TEXT) ?? null,
        entry.address?.slice(0, MOST_TEXT) ?? null,
        fields,
        jsonOf(entry.before),
        jsonOf(entry.after),
      ],
      'audit_entry_insert',
    );
  }

  /**
   * For a change that stands already: its caller hears of it even when the entry cannot be written, and the entry goes
   * to the log instead, whole.
   */
  async recordDone(entry: NewAuditEntry): Promise<void> {
    await this.record(entry).catch((error: Error) =>
      this.logger.error({ audit: entry, cause: error.message }, 'An audit entry was not written'),
    );
  }
}

function jsonOf(value: object | null | undefined): string | null {
  if (!value) return null;
  const json = JSON.stringify(value);
  return json.length > MOST_JSON ? JSON.stringify({ tooLong: json.length }) : json;
}
