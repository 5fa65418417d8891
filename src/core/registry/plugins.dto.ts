import { type ChannelManifest, configSchema, type InboundManifest } from '@bellhop/contracts';
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

/** Tags that the vendor keeps; ours can be written there (`settings.mirrorTags`). */
export class TagCapabilityView {
  @ApiProperty({ type: 'integer' })
  readonly maxPerUser: number;

  /** UTF-8 bytes of one tag. */
  @ApiProperty({ type: 'integer' })
  readonly maxBytes: number;

  /** People written together. */
  @ApiProperty({ type: 'integer' })
  readonly maxUsersPerCall: number;
}

/** Something that the vendor offers besides messages: `POST /v1/integrations/{integrationId}/actions/{id}`. */
export class PluginActionView {
  @ApiProperty({ example: 'h5-link' })
  readonly id: string;

  readonly summary: string;

  /** Which an API key needs to ask for it. */
  @ApiProperty({ enum: ['read', 'send', 'admin'] })
  readonly scope: string;

  /** JSON Schema (draft 7) of its `input`. */
  @ApiProperty({ type: 'object', additionalProperties: true })
  readonly inputSchema: Record<string, unknown>;
}

export class OutboundView {
  /** What it can address. */
  @ApiProperty({ type: [String] })
  readonly targets: readonly string[];

  /** Kinds of audience whose people the vendor finds itself. */
  @ApiProperty({ type: [String] })
  readonly audiences: readonly string[];

  /** Message fields that it can express. */
  @ApiProperty({ type: [String] })
  readonly fields: readonly string[];

  /** Platforms of the devices it reaches. */
  @ApiProperty({ type: [String] })
  readonly platforms: readonly string[];

  /** What a device address looks like. */
  @ApiPropertyOptional({ type: String })
  readonly tokenShape?: string;

  /** Kind of the identities by which the vendor knows people. */
  @ApiPropertyOptional({ type: String, example: 'nim.accid' })
  readonly identity?: string;

  readonly tags?: TagCapabilityView;

  /** Whether the vendor can be told to hand the messages of a person over, or to stop. */
  readonly pushSwitch: boolean;

  /** Whether the vendor counts pushes and refuses those beyond its limit; Bellhop keeps to it. */
  readonly quota: boolean;

  @ApiProperty({ type: [PluginActionView] })
  readonly actions: readonly PluginActionView[];
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
  return {
    id,
    name,
    summary,
    documentation,
    setup,
    configSchema: configSchema(config),
    ...(inbound && { inbound: inboundView(inbound.manifest) }),
    ...(outbound && { outbound: outboundView(outbound.manifest) }),
  };
}

function inboundView({ authenticity, emits, identities }: InboundManifest): InboundView {
  return { authenticity, emits, identities: identities.map(({ kind }) => kind) };
}

function outboundView({ capabilities, gateway, addresses, quota, actions = [] }: ChannelManifest): OutboundView {
  const { send, tags, pushSwitch } = capabilities;
  return {
    targets: send?.targets ?? [],
    audiences: send?.audiences ?? [],
    fields: send?.fields ?? [],
    platforms: gateway?.platforms ?? [],
    ...(gateway && { tokenShape: gateway.shape }),
    ...(addresses && { identity: addresses.identity }),
    ...(tags && { tags }),
    pushSwitch: pushSwitch !== undefined,
    quota: quota !== undefined,
    actions: actions.map(({ input, ...action }) => ({ ...action, inputSchema: configSchema(input) })),
  };
}
