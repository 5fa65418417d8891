import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { Sql, type SqlRunner } from '../../platform/sql.js';
import { Vault } from '../../platform/vault.js';
import { merged, type Person } from './person.js';

/** What an erasure that has begun is about. */
export interface BegunErasure {
  readonly person: Person;
  readonly subject: string;
  readonly startedAt: Date;
}

interface Row {
  readonly appId: string;
  readonly subject: string;
  readonly sealedPerson: Buffer;
  readonly startedAt: Date;
}

const ROW = `app_id AS "appId", subject, sealed_person AS "sealedPerson", started_at AS "startedAt"`;

const BEGIN = `
  INSERT INTO erasure (app_id, subject, sealed_person, started_at, touched_at) VALUES ($1, $2, $3, $4, $4)
  ON CONFLICT (app_id, subject) DO UPDATE SET sealed_person = EXCLUDED.sealed_person, touched_at = EXCLUDED.touched_at
  RETURNING started_at AS "startedAt"`;

// Whoever comes first has it until it stands still for that long again.
const TAKE_UP = `
  UPDATE erasure e SET touched_at = $1
  FROM (SELECT app_id, subject FROM erasure WHERE touched_at < $2 ORDER BY touched_at LIMIT 1 FOR UPDATE SKIP LOCKED) idle
  WHERE e.app_id = idle.app_id AND e.subject = idle.subject
  RETURNING e.app_id AS "appId", e.subject, e.sealed_person AS "sealedPerson", e.started_at AS "startedAt"`;

export const erasureContext = (appId: string, subject: string): string => `erasure:${appId}:${subject}`;

/** Erasures under way, so that none of them is left half done. */
@Injectable()
export class Erasures {
  constructor(
    private readonly sql: Sql,
    private readonly vault: Vault,
    private readonly clock: Clock,
  ) {}

  /** Notes by what names the person is to be looked for; what an erasure that stopped half-way knew is kept. */
  async begin(tx: SqlRunner, found: Person): Promise<BegunErasure> {
    const { appId, userId } = found;
    const subject = this.vault.tokenHash(`erasure:${userId}`).toString('hex');
    const [known] = await tx.query<Row & object>(
      `SELECT ${ROW} FROM erasure WHERE app_id = $1 AND subject = $2 FOR UPDATE`,
      [appId, subject],
    );
    const person = merged(known && this.open(known), found);
    const sealed = this.vault.seal(JSON.stringify(person), erasureContext(appId, subject));
    const [row] = await tx.query<Pick<Row, 'startedAt'> & object>(BEGIN, [appId, subject, sealed, this.clock.now()]);
    return { person, subject, startedAt: (row as Row).startedAt };
  }

  /** One that nobody has worked at since then. */
  async takeUp(before: Date): Promise<BegunErasure | undefined> {
    const [row] = await this.sql.query<Row & object>(TAKE_UP, [this.clock.now(), before]);
    return row && { person: this.open(row), subject: row.subject, startedAt: row.startedAt };
  }

  async touch({ person, subject }: BegunErasure): Promise<void> {
    const values = [person.appId, subject, this.clock.now()];
    await this.sql.query('UPDATE erasure SET touched_at = $3 WHERE app_id = $1 AND subject = $2', values);
  }

  async end({ person, subject }: BegunErasure): Promise<void> {
    await this.sql.query('DELETE FROM erasure WHERE app_id = $1 AND subject = $2', [person.appId, subject]);
  }

  private open({ appId, subject, sealedPerson }: Row): Person {
    return JSON.parse(this.vault.open(sealedPerson, erasureContext(appId, subject))) as Person;
  }
}
