/**
 * Writes what is generated and committed: openapi.json. With `--check` it writes nothing and fails when it is stale.
 * Runs from dist, where the compiler has read the comments of the DTOs.
 */
import { NestFactory } from '@nestjs/core';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AppModule } from '../src/app.module.js';
import { BellhopHttpAdapter } from '../src/http-adapter.js';
import { buildDocument } from '../src/openapi.js';
import { readEnvironment } from '../src/platform/env.js';
import { newKey } from '../src/platform/env.keys.js';

const FILE = path.resolve('openapi.json');

/** The graph in preview mode: modules and routes without instances, so no database is needed. */
async function openApi(): Promise<string> {
  const databaseUrl = 'postgres://nowhere.invalid/bellhop';
  const environment = readEnvironment({ DATABASE_URL: databaseUrl, BELLHOP_KEYS: newKey('docs') });
  const app = await NestFactory.create(AppModule.forRoot({ environment, databaseUrl }), new BellhopHttpAdapter(), {
    preview: true,
    logger: false,
  });
  return `${JSON.stringify(buildDocument(app), null, 2)}\n`;
}

const generated = await openApi();
if (!process.argv.includes('--check')) {
  await writeFile(FILE, generated);
} else if ((await readFile(FILE, 'utf8').catch(() => '')) !== generated) {
  process.stderr.write('openapi.json is stale: run "npm run generate" and commit it.\n');
  process.exit(1);
}
