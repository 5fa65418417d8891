import {
  type ArgumentsHost,
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  Inject,
  Injectable,
  type OnModuleDestroy,
  ServiceUnavailableException,
  UseFilters,
} from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { HealthCheck, type HealthCheckResult, HealthCheckService, HealthIndicatorService } from '@nestjs/terminus';
import type { Response } from 'express';
import { Public } from './public.js';
import { Sql } from './sql.js';

/** Injection token of a {@link PendingMigrations}. */
export const PENDING_MIGRATIONS = Symbol('bellhop:pending-migrations');

/** Names of the migrations that this build has and the database has not. */
export type PendingMigrations = () => Promise<readonly string[]>;

/** Longest a check may take, in milliseconds: below the time-out of the usual probes. */
const PATIENCE = 2_000;

/** Knows from the first shutdown hook on that this process takes no more work. */
@Injectable()
export class Lifecycle implements OnModuleDestroy {
  stopping = false;

  onModuleDestroy(): void {
    this.stopping = true;
  }
}

/** Probes read the report of the checks, so a failed one is no problem document. */
@Catch(ServiceUnavailableException)
export class HealthFilter implements ExceptionFilter {
  catch(error: ServiceUnavailableException, host: ArgumentsHost): void {
    host.switchToHttp().getResponse<Response>().status(error.getStatus()).json(error.getResponse());
  }
}

export class Liveness {
  readonly status: 'ok';
}

@ApiTags('health')
@Controller('health')
@Public()
export class HealthController {
  constructor(
    private readonly checks: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly sql: Sql,
    private readonly lifecycle: Lifecycle,
    @Inject(PENDING_MIGRATIONS) private readonly pending: PendingMigrations,
  ) {}

  /** Touches nothing outside the process: a database that is down is no reason to restart it. */
  @Get('live')
  @ApiOperation({ operationId: 'getLiveness', summary: 'Whether the process runs' })
  @ApiOkResponse({ schema: { type: 'object', properties: { status: { type: 'string', enum: ['ok'] } } } })
  live(): Liveness {
    return { status: 'ok' };
  }

  @Get('ready')
  @HealthCheck()
  @UseFilters(HealthFilter)
  @ApiOperation({ operationId: 'getReadiness', summary: 'Whether the process can take work' })
  ready(): Promise<HealthCheckResult> {
    return this.checks.check([
      () => this.check('process', async () => refuseWhen(this.lifecycle.stopping, 'is shutting down')),
      () => this.check('database', () => this.sql.query('SELECT 1')),
      () => this.check('migrations', async () => refuseWhen((await this.pending()).length > 0, 'are pending')),
    ]);
  }

  /** What the driver says may name hosts and users: only words of ours reach the report. */
  private check(name: string, work: () => Promise<unknown>) {
    const attempt = () =>
      work().then(
        () => undefined,
        (error: unknown) => {
          throw error instanceof NotReady ? error : new Error('cannot be reached');
        },
      );
    return this.indicators.check(name).attempt(attempt).withTimeout(PATIENCE);
  }
}

class NotReady extends Error {}

function refuseWhen(condition: boolean, reason: string): void {
  if (condition) throw new NotReady(reason);
}
