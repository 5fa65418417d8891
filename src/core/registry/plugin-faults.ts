import {
  type ChannelManifest,
  configSchema,
  type InboundAdapter,
  type InboundManifest,
  type OutboundChannel,
} from '@bellhop/contracts';

export type Side = 'inbound' | 'outbound';

/** What its id stands for already. */
interface KnownPlugin {
  readonly manifest: Pick<InboundManifest, 'config'>;
  readonly inbound?: unknown;
  readonly outbound?: unknown;
}

const ID = /^[a-z0-9][a-z0-9-]{0,31}$/;
const WORDS = ['name', 'summary', 'setup'] as const;
const FUNCTIONS: Readonly<Record<Side, readonly string[]>> = {
  inbound: ['verify', 'parse', 'acknowledge'],
  outbound: ['open'],
};
const LISTS: Readonly<Record<Side, readonly string[]>> = {
  inbound: ['methods', 'emits', 'identities'],
  outbound: [],
};

/**
 * What is wrong with an adapter or a channel beside those that are `known`, all of it at once. The compiler sees most of it; plugins come from
 * elsewhere, too, and one that is half right would fail with its first callback.
 */
export function faultsOf(
  plugin: InboundAdapter | OutboundChannel,
  side: Side,
  known: ReadonlyMap<string, KnownPlugin>,
): string[] {
  // Typed as it should be; what it is, is the question.
  const manifest = plugin.manifest as Partial<InboundManifest & ChannelManifest> | undefined;
  if (!manifest) return ['has no manifest'];
  const members = manifest as Readonly<Record<string, unknown>>;
  return [
    ...(ID.test(manifest.id ?? '') ? [] : ['manifest.id must be lower-case letters, digits and hyphens, at most 32']),
    ...WORDS.filter((word) => !isText(members[word])).map((word) => `manifest.${word} must be a text`),
    ...(URL.canParse(manifest.documentation ?? '') ? [] : ['manifest.documentation must be an address']),
    ...configFaults(manifest.config),
    ...LISTS[side].filter((list) => !isList(members[list])).map((list) => `manifest.${list} must name something`),
    ...(side === 'outbound' && !manifest.capabilities ? ['manifest.capabilities must say what it can do'] : []),
    ...FUNCTIONS[side]
      .filter((name) => typeof (plugin as unknown as Readonly<Record<string, unknown>>)[name] !== 'function')
      .map((name) => `${name} must be a function`),
    ...clashes(manifest, side, known.get(manifest.id ?? '')),
  ];
}

function clashes({ id, config }: Partial<InboundManifest>, side: Side, known: KnownPlugin | undefined): string[] {
  if (!known) return [];
  return [
    ...(known[side] ? [`another ${side} plugin has the id "${id}"`] : []),
    ...(known.manifest.config === config ? [] : [`the adapter and the channel "${id}" must share one config class`]),
  ];
}

const isText = (value: unknown): boolean => typeof value === 'string' && value.trim() !== '';

const isList = (value: unknown): boolean => Array.isArray(value) && value.length > 0;

/** Its form is made of the class, so the class must be one. */
function configFaults(config: InboundManifest['config'] | undefined): string[] {
  if (typeof config !== 'function') return ['manifest.config must be a class'];
  try {
    configSchema(config);
    return [];
  } catch (error) {
    return [`manifest.config gives no schema: ${(error as Error).message}`];
  }
}
