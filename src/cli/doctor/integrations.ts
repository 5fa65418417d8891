import { Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { PluginRegistry } from '../../core/registry/plugin-registry.js';
import { RegistryModule } from '../../core/registry/registry.module.js';
import { publicId } from '../../platform/ids.js';
import type { SqlRunner } from '../../platform/sql.js';
import { PLUGIN_MODULES } from '../../plugins.js';
import { fail, type Finding, ok, warn } from './finding.js';

interface Row {
  readonly id: string;
  readonly plugin: string;
  readonly name: string;
  readonly state: string;
  readonly pause_reason: string | null;
  readonly pause_detail: string | null;
}

/** Ids of the plugins of this build. */
export async function pluginIds(plugins: readonly Type[] = PLUGIN_MODULES): Promise<readonly string[]> {
  @Module({ imports: [RegistryModule, ...plugins] })
  class Plugins {}

  const context = await NestFactory.createApplicationContext(Plugins, { logger: false, abortOnError: false });
  try {
    return context
      .get(PluginRegistry)
      .all()
      .map(({ id }) => id);
  } finally {
    await context.close();
  }
}

/** Integrations of all apps whose plugin is missing, or that are paused. */
export async function checkIntegrations(sql: SqlRunner, plugins: readonly string[]): Promise<Finding[]> {
  const rows = await sql.query<Row & object>(
    'SELECT id, plugin, name, state, pause_reason, pause_detail FROM integration ORDER BY id',
  );
  const missing = rows.filter(({ plugin }) => !plugins.includes(plugin));
  const paused = rows.filter(({ state }) => state === 'paused');
  return [
    pluginFinding(plugins, missing),
    ...paused.map(pausedFinding),
    ok('integrations', `${rows.length - paused.length} of ${rows.length} are active`),
  ];
}

function pluginFinding(plugins: readonly string[], missing: readonly Row[]): Finding {
  if (missing.length === 0) return ok('plugins', plugins.join(', '));
  const words = missing.map((row) => `${nameOf(row)} needs "${row.plugin}"`).join(', ');
  return fail('plugins', words, `This build has ${plugins.join(', ')}. Load the plugin, or delete the integration.`);
}

function pausedFinding(row: Row): Finding {
  const words = `${nameOf(row)} is paused: ${[row.pause_reason, row.pause_detail].filter(Boolean).join(', ')}`;
  const id = publicId('int', row.id);
  if (row.pause_reason === 'operator') return warn('integrations', words, `bellhop integrations resume ${id}`);
  return fail(
    'integrations',
    words,
    `Correct its configuration, which resumes it, or: bellhop integrations resume ${id}`,
  );
}

const nameOf = ({ id, plugin, name }: Row): string => `${publicId('int', id)} (${plugin}, ${name})`;
