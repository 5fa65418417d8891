import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Environment } from '../platform/env.js';
import { AuditRetention } from './audit/audit-retention.js';
import { Lockout } from './sign-in/lockout.js';
import { SessionsService } from './sign-in/sessions.service.js';

const EVERY_MS = 60 * 60 * 1000;

/** Once an hour, in processes that work: takes away old audit entries, sessions that are over, and old failures. */
@Injectable()
export class AccessHousekeeping implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(AccessHousekeeping.name);
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly audit: AuditRetention,
    private readonly sessions: SessionsService,
    private readonly lockout: Lockout,
    private readonly environment: Environment,
  ) {}

  onApplicationBootstrap(): void {
    if (this.environment.role === 'api') return;
    this.timer = setInterval(() => void this.tidy(), EVERY_MS).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  private async tidy(): Promise<void> {
    for (const one of [this.audit, this.sessions, this.lockout]) {
      await one.purge().catch((error: Error) => this.logger.warn({ cause: error.message }, 'Tidying up failed'));
    }
  }
}
