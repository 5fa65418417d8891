import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { PluginRegistry } from './plugin-registry.js';
import { PluginsController } from './plugins.controller.js';

/** The catalogue of plugins. */
@Module({
  imports: [DiscoveryModule],
  controllers: [PluginsController],
  providers: [PluginRegistry],
  exports: [PluginRegistry],
})
export class RegistryModule {}
