import { Module } from '@nestjs/common';
import { APP_GUARD, DiscoveryModule } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccessService } from './access.service.js';
import { ApiKey } from './api-key.entity.js';
import { ApiKeyGuard } from './api-key.guard.js';
import { App } from './app.entity.js';
import { AppsController } from './apps.controller.js';
import { RouteScopes } from './route-scopes.js';

/** Apps, API keys and the guard in front of every route. */
@Module({
  imports: [DiscoveryModule, TypeOrmModule.forFeature([App, ApiKey])],
  controllers: [AppsController],
  providers: [AccessService, RouteScopes, { provide: APP_GUARD, useClass: ApiKeyGuard }],
  exports: [AccessService],
})
export class AccessModule {}
