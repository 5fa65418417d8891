import { type DynamicModule, Global, type MiddlewareConsumer, Module, type NestModule } from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import { TerminusModule } from '@nestjs/terminus';
import { TypeOrmModule } from '@nestjs/typeorm';
import { LoggerModule } from 'nestjs-pino';
import { DataSource } from 'typeorm';
import { BodyRules } from './body-rules.js';
import { Clock } from './clock.js';
import { pendingMigrations } from './database.js';
import { GuardedEgress } from './egress.js';
import { Environment } from './env.js';
import { HealthController, Lifecycle, PENDING_MIGRATIONS, type PendingMigrations } from './health.controller.js';
import { IdempotencyKey } from './idempotency-key.entity.js';
import { IdempotencyInterceptor } from './idempotency.js';
import { IdempotencyStore } from './idempotency.store.js';
import { loggingOptions } from './logging.js';
import { MetricsController } from './metrics.controller.js';
import { HttpMetrics, Metrics } from './metrics.js';
import { ProcessMetrics } from './metrics.process.js';
import { ProblemFilter } from './problem.filter.js';
import { Sql } from './sql.js';
import { HttpTraces } from './telemetry.http.js';
import { Telemetry } from './telemetry.js';
import { RequestValidationPipe } from './validation.js';
import { VaultKeeper } from './vault.keeper.js';
import { Vault } from './vault.js';

export interface PlatformOptions {
  readonly environment: Environment;
}

const SHARED = [
  Clock,
  Sql,
  Vault,
  VaultKeeper,
  Metrics,
  Telemetry,
  Environment,
  IdempotencyStore,
  Lifecycle,
  GuardedEgress,
];

/** What any service needs; it knows nothing of push. Needs the data source of TypeORM (`TypeOrmModule.forRoot`). */
@Global()
@Module({})
export class PlatformModule implements NestModule {
  constructor(private readonly telemetry: Telemetry) {}

  static forRoot({ environment }: PlatformOptions): DynamicModule {
    return {
      module: PlatformModule,
      imports: [
        LoggerModule.forRoot(loggingOptions(environment.logLevel)),
        TerminusModule.forRoot({ logger: false }),
        TypeOrmModule.forFeature([IdempotencyKey]),
      ],
      controllers: [HealthController, MetricsController],
      providers: [
        { provide: Environment, useValue: environment },
        { provide: Vault, useFactory: () => new Vault(environment.keys) },
        { provide: PENDING_MIGRATIONS, useFactory: pendingIn, inject: [DataSource] },
        { provide: APP_FILTER, useClass: ProblemFilter },
        { provide: APP_PIPE, useClass: RequestValidationPipe },
        { provide: APP_INTERCEPTOR, useClass: IdempotencyInterceptor },
        Clock,
        Sql,
        VaultKeeper,
        Metrics,
        ProcessMetrics,
        Telemetry,
        IdempotencyStore,
        Lifecycle,
        GuardedEgress,
      ],
      exports: [...SHARED, LoggerModule],
    };
  }

  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(HttpMetrics).forRoutes('{*splat}');
    if (this.telemetry.on) consumer.apply(HttpTraces).forRoutes('{*splat}');
    consumer.apply(BodyRules).forRoutes('{*splat}');
  }
}

function pendingIn(dataSource: DataSource): PendingMigrations {
  return () => pendingMigrations(dataSource);
}
