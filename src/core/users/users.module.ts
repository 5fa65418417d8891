import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { RegistryModule } from '../registry/registry.module.js';
import { Integration } from '../integrations/integration.entity.js';
import { IdentitiesService } from './identities.service.js';
import { Identity } from './identity.entity.js';
import { Preference } from './preference.entity.js';
import { PreferencesService } from './preferences.service.js';
import { PresenceRow } from './presence.entity.js';
import { PresenceService } from './presence.service.js';
import { UsersController } from './users.controller.js';

/** Identities, presence and preferences of the people of an app. */
@Module({
  imports: [RegistryModule, TypeOrmModule.forFeature([Identity, Integration, Preference, PresenceRow])],
  controllers: [UsersController],
  providers: [IdentitiesService, PresenceService, PreferencesService],
  exports: [IdentitiesService, PresenceService, PreferencesService],
})
export class UsersModule {}
