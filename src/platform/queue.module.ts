import { type DynamicModule, Global, Module } from '@nestjs/common';
import { Queue } from './queue.js';
import { Sql } from './sql.js';

/** The queue engine on the database that holds the rows. */
@Global()
@Module({})
export class QueueModule {
  static forRoot(databaseUrl: string): DynamicModule {
    return {
      module: QueueModule,
      providers: [{ provide: Queue, useFactory: (sql: Sql) => new Queue(databaseUrl, sql), inject: [Sql] }],
      exports: [Queue],
    };
  }
}
