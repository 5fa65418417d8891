import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { Environment } from '../../platform/env.js';
import { Sql } from '../../platform/sql.js';
import { AuditLog, SYSTEM } from '../audit/audit-log.js';
import { LinksService } from './links.service.js';

/** While there is no operator, every start prints a link with which the first admin chooses a password. */
@Injectable()
export class FirstStart implements OnApplicationBootstrap {
  private readonly logger = new Logger(FirstStart.name);

  constructor(
    private readonly sql: Sql,
    private readonly links: LinksService,
    private readonly audit: AuditLog,
    private readonly environment: Environment,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    if (this.environment.role === 'worker') return;
    const [known] = await this.sql.query('SELECT 1 FROM operator LIMIT 1');
    if (known) return;
    const { url } = await this.links.issue(null);
    await this.audit.recordDone({ actor: SYSTEM, action: 'system.issueFirstLink' });
    // The one secret that is meant for the log: whoever reads it there may administer the machine, too.
    this.logger.warn(`Nobody can sign in yet. Within 24 hours, choose the first admin's password at ${url}`);
  }
}
