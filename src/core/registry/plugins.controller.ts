import { Controller, Get, Param } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { RequireScope } from '../../access/scope.js';
import { ApiProblems } from '../../platform/problem.js';
import { PluginRegistry } from './plugin-registry.js';
import { PluginView, pluginView } from './plugins.dto.js';

@ApiTags('plugins')
@Controller('v1/plugins')
@RequireScope('read')
export class PluginsController {
  constructor(private readonly registry: PluginRegistry) {}

  @Get()
  @ApiOperation({ operationId: 'listPlugins', summary: 'List the vendors and channels of this build' })
  @ApiOkResponse({ type: [PluginView] })
  list(): PluginView[] {
    return this.registry.all().map(pluginView);
  }

  @Get(':pluginId')
  @ApiOperation({ operationId: 'getPlugin', summary: 'Get a plugin with its configuration schema' })
  @ApiOkResponse({ type: PluginView })
  @ApiProblems(404)
  get(@Param('pluginId') pluginId: string): PluginView {
    return pluginView(this.registry.get(pluginId));
  }
}
