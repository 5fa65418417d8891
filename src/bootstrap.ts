import { NotFoundError } from '@bellhop/contracts';
import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NextFunction, Request, Response } from 'express';
import helmet from 'helmet';
import { Logger } from 'nestjs-pino';
import { DataSource } from 'typeorm';
import { AppModule, type AppOptions } from './app.module.js';
import { setUpConsole } from './console.js';
import { InboundHttp } from './core/inbound/inbound.http.js';
import { SEALED_COLUMNS } from './core/sealed-columns.js';
import { WorkLoops } from './core/work-loops.js';
import { BellhopHttpAdapter } from './http-adapter.js';
import { setUpDocs } from './openapi.js';
import { migrate, pendingMigrations } from './platform/database.js';
import { Telemetry } from './platform/telemetry.js';
import { VaultKeeper } from './platform/vault.keeper.js';

/** The database lacks migrations of this build, and this process may not run them. */
export class StaleSchemaError extends Error {
  constructor(readonly pending: readonly string[]) {
    super(`The database lacks ${pending.length} migration(s): ${pending.join(', ')}.`);
    this.name = 'StaleSchemaError';
  }
}

/**
 * Builds the application, migrates when the environment allows it, and starts the work loops of its role.
 * It does not listen yet.
 * @throws {StaleSchemaError}
 * @throws {EnvironmentInvalidError} when BELLHOP_KEYS is not the ring of this database.
 */
export async function createBellhop(options: AppOptions): Promise<INestApplication> {
  const adapter = new BellhopHttpAdapter();
  const app = await NestFactory.create(AppModule.forRoot(options), adapter, { bufferLogs: true, abortOnError: false });
  app.useLogger(app.get(Logger));
  try {
    await prepareSchema(app, options);
    await app.get(VaultKeeper).unlock(SEALED_COLUMNS);
    await app.get(Telemetry).start(options.environment.role);
    app.use(helmet());
    if (options.environment.role === 'worker') app.use(probesOnly);
    setUpDocs(app);
    const inbound = app.get(InboundHttp);
    if (options.environment.role !== 'worker') {
      setUpConsole(adapter, options.environment);
      adapter.handleInbound((request, response) => inbound.handle(request, response));
    }
    await app.init();
    await app.get(WorkLoops).start();
    return app;
  } catch (error) {
    await app.close();
    throw error;
  }
}

/** Stops taking requests, finishes what is under way, closes. */
export async function shutDown(app: INestApplication, graceMs: number): Promise<void> {
  (app.getHttpAdapter() as BellhopHttpAdapter).stopTaking(graceMs);
  await app.get(WorkLoops).drain(graceMs);
  await app.close();
}

/** A worker answers probes; whoever calls the API of one has the wrong address. */
function probesOnly(request: Request, _response: Response, next: NextFunction): void {
  next(/^\/(health|metrics)(\/|$)/.test(request.path) ? undefined : new NotFoundError('This address'));
}

async function prepareSchema(app: INestApplication, { environment }: AppOptions): Promise<void> {
  const dataSource = app.get(DataSource);
  if (environment.migrateOnBoot) await migrate(dataSource);
  const pending = await pendingMigrations(dataSource);
  if (pending.length > 0) throw new StaleSchemaError(pending);
}
