import { createBellhop, shutDown, StaleSchemaError } from './bootstrap.js';
import { startEmbeddedPostgres, type EmbeddedPostgres } from './platform/embedded-postgres.js';
import { type Environment, EnvironmentInvalidError } from './platform/env.js';
import type { INestApplication } from '@nestjs/common';
import path from 'node:path';
import { DatabaseUnreachableError, preflight } from './preflight.js';
import { startSandbox, type Sandbox } from './sandbox/sandbox.js';

/** Exit code for a start that configuration forbids (sysexits.h: EX_CONFIG). */
const EX_CONFIG = 78;

const say = (line: string): void => void process.stderr.write(`${line}\n`);

const welcome = ({ role }: Environment, url: string): string =>
  role === 'worker'
    ? `Bellhop (worker) works; probes at ${url}/health/ready`
    : `Bellhop (${role}) listens on ${url}, documentation at ${url}/docs`;

async function main(): Promise<void> {
  requireNode(24);
  const environment = await preflight();
  const embedded = environment.databaseUrl ? undefined : await startDatabase(environment);
  const databaseUrl = environment.databaseUrl ?? embedded?.url ?? '';
  try {
    const app = await createBellhop({ environment, databaseUrl });
    const url = await listen(app, environment);
    const sandbox = environment.sandbox ? await startSandbox(app, environment, url) : undefined;
    stopOnSignals(app, environment, embedded, sandbox);
    say(sandbox?.banner ?? welcome(environment, url));
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
}

/** The system's Node may be older than the one that npm scripts bring along. */
function requireNode(major: number): void {
  const running = process.versions.node;
  if (Number.parseInt(running, 10) < major) {
    throw new UnsuitableStartError(
      `Bellhop needs Node ${major}, this is ${running}. Use "npm start", which brings its own.`,
    );
  }
}

function startDatabase({ dataDir, dataDirExplicit }: Environment): Promise<EmbeddedPostgres> {
  say('DATABASE_URL is not set: using an embedded PostgreSQL. Fine for trying out; set DATABASE_URL in production.');
  return startEmbeddedPostgres({ dataDir: path.join(dataDir, 'postgres'), explicit: dataDirExplicit, log: say });
}

/** On the port asked for, or in the sandbox on the next free one. */
async function listen(app: INestApplication, { host, port, sandbox }: Environment): Promise<string> {
  const last = sandbox && port > 0 ? port + 20 : port;
  for (let candidate = port; ; candidate++) {
    try {
      await app.listen(candidate, host);
      if (candidate !== port) say(`Port ${port} is taken: using ${candidate}.`);
      return publicAddress(await app.getUrl());
    } catch (error) {
      const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!taken) throw error;
      if (candidate >= last)
        throw new UnsuitableStartError(
          `Port ${port} is in use. Stop the program that has it, or set PORT to another one.`,
        );
    }
  }
}

/** Nothing is wrong with the program: whoever starts it has to change something. */
class UnsuitableStartError extends Error {}

const publicAddress = (url: string): string => url.replace('[::1]', '127.0.0.1').replace('0.0.0.0', '127.0.0.1');

function stopOnSignals(
  app: INestApplication,
  { shutdownGraceSeconds }: Environment,
  embedded: EmbeddedPostgres | undefined,
  sandbox: Sandbox | undefined,
): void {
  let stopping = false;
  const stop = async (signal: string): Promise<void> => {
    if (stopping) return;
    stopping = true;
    say(`${signal}: finishing what is under way.`);
    await shutDown(app, shutdownGraceSeconds * 1000);
    await sandbox?.close();
    await embedded?.stop();
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      stop(signal).catch((error: Error) => {
        say(error.message);
        process.exit(1);
      });
    });
  }
}

main().catch((error: Error) => {
  const configuration = error instanceof EnvironmentInvalidError || error instanceof UnsuitableStartError;
  const known = configuration || error instanceof DatabaseUnreachableError;
  if (error instanceof StaleSchemaError) say(`${error.message}\nRun: npm run migrate (or set MIGRATE_ON_BOOT=true).`);
  else say(known ? error.message : (error.stack ?? error.message));
  process.exit(configuration || error instanceof StaleSchemaError ? EX_CONFIG : 1);
});
