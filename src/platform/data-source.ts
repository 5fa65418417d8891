/** For the TypeORM command line (`typeorm migration:generate -d …`): the one data source of the environment. */
import path from 'node:path';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from './database.js';
import { startEmbeddedPostgres } from './embedded-postgres.js';
import { readDatabaseEnvironment, type DatabaseEnvironment } from './env.js';

const environment = readDatabaseEnvironment();
const url = environment.databaseUrl ?? (await embeddedUrl(environment));

export default new DataSource(dataSourceOptions({ url, poolSize: environment.databasePool }));

/** Left running when the command ends: the next start of Bellhop adopts it. */
async function embeddedUrl({ dataDir, dataDirExplicit }: DatabaseEnvironment): Promise<string> {
  const { url } = await startEmbeddedPostgres({
    dataDir: path.join(dataDir, 'postgres'),
    explicit: dataDirExplicit,
    log: (line) => process.stderr.write(`${line}\n`),
  });
  return url;
}
