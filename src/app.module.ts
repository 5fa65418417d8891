import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CoreModule } from './core/core.module.js';
import { dataSourceOptions } from './platform/database.js';
import type { Environment } from './platform/env.js';
import { PlatformModule } from './platform/platform.module.js';
import { QueueModule } from './platform/queue.module.js';
import { PLUGIN_MODULES } from './plugins.js';

export interface AppOptions {
  readonly environment: Environment;
  /** Of the database in use, embedded or not. */
  readonly databaseUrl: string;
  /** Default: {@link PLUGIN_MODULES}. */
  readonly plugins?: readonly Type[];
}

/** Platform + core + plugins. */
@Module({})
export class AppModule {
  static forRoot({ environment, databaseUrl, plugins = PLUGIN_MODULES }: AppOptions): DynamicModule {
    return {
      module: AppModule,
      imports: [
        PlatformModule.forRoot({ environment }),
        TypeOrmModule.forRoot({
          ...dataSourceOptions({ url: databaseUrl, poolSize: environment.databasePool }),
          retryAttempts: 0,
        }),
        QueueModule.forRoot(databaseUrl),
        CoreModule,
        ...plugins,
      ],
    };
  }
}
