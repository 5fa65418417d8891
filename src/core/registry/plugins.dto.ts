import { configSchema } from '@bellhop/contracts';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { Plugin } from './plugin-registry.js';

export class InboundView {
  /** How much of a callback's origin the vendor proves. The secret in the address comes in addition. */
  @ApiProperty({ enum: ['signature', 'shared-secret', 'url-secret'] })
  readonly authenticity: string;

  /** Event kinds that its callbacks become. */
  @ApiProperty({ type: [String] })
  readonly emits: readonly string[];

  /** Identity kinds that its events carry. */
  @ApiProperty({ type: [String] })
  readonly identities: readonly string[];
}

export class OutboundView {
  /** What it can address. */
  @ApiProperty({ type: [String] })
  readonly targets: readonly string[];

  /** Message fields that it can express. */
  @ApiProperty({ type: [String] })
  readonly fields: readonly string[];

  /** Platforms of the devices it reaches. */
  @ApiProperty({ type: [String] })
  readonly platforms: readonly string[];

  /** What a device address looks like. */
  @ApiPropertyOptional({ type: String })
  readonly tokenShape?: string;
}

export class PluginView {
  @ApiProperty({ example: 'kf5' })
  readonly id: string;

  readonly name: string;

  readonly summary: string;

  /** The vendor's own documentation. */
  @ApiProperty({ format: 'uri' })
  readonly documentation: string;

  /** What to do in the vendor's console, as Markdown. */
  readonly setup: string;

  /** JSON Schema (draft 7) of `config` in `POST /v1/integrations`. Fields marked `writeOnly` are never returned. */
  @ApiProperty({ type: 'object', additionalProperties: true })
  readonly configSchema: Record<string, unknown>;

  readonly inbound?: InboundView;

  readonly outbound?: OutboundView;
}

export function pluginView({ id, manifest, inbound, outbound }: Plugin): PluginView {
  const { name, summary, documentation, setup, config } = manifest;
  const gateway = outbound?.manifest.gateway;
  const send = outbound?.manifest.capabilities.send;
  return {
    id,
    name,
    summary,
    documentation,
    setup,
    configSchema: configSchema(config),
    ...(inbound && {
      inbound: {
        authenticity: inbound.manifest.authenticity,
        emits: inbound.manifest.emits,
        identities: inbound.manifest.identities.map(({ kind }) => kind),
      },
    }),
    ...(outbound && {
      outbound: {
        targets: send?.targets ?? [],
        fields: send?.fields ?? [],
        platforms: gateway?.platforms ?? [],
        ...(gateway && { tokenShape: gateway.shape }),
      },
    }),
  };
}
