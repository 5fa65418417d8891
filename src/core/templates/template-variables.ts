import type { CanonicalEventKind, InboundEvent } from '@bellhop/contracts';
import type { App } from '../../access/app.entity.js';
import type { ValueReader } from './template-text.js';

/** What values are taken from. */
export interface VariableSource {
  readonly event: InboundEvent;
  /** Messages that the notification stands for. */
  readonly count: number;
  readonly app: Pick<App, 'name'>;
}

interface Variable {
  readonly summary: string;
  /** What people wrote, or how they are called: has no value where an integration hides content. */
  readonly personal: boolean;
  readonly read: (source: VariableSource) => string | null | undefined;
}

function variable(summary: string, read: Variable['read'], personal = false): Variable {
  return { summary, personal, read };
}

const VARIABLES = {
  'app.name': variable('Name of the app', ({ app }) => app.name),
  count: variable('Messages that the push stands for', ({ count }) => String(count)),
  'sender.name': variable('Name of whoever wrote', ({ event }) => event.sender?.name, true),
  'message.text': variable('Plain text of the message', ({ event }) => event.message?.text, true),
  'message.type': variable('Type of the message, for instance `image`', ({ event }) => event.message?.type),
  'attachment.name': variable('Name of a file or a place', ({ event }) => event.message?.attachment?.name, true),
  'conversation.id': variable("The vendor's id of the conversation", ({ event }) => event.conversation?.id, true),
  'ticket.id': variable('Number of the ticket', ({ event }) => event.ticket?.id),
  'copy.title': variable("The plugin's own title", ({ event }) => event.copy?.title),
  'copy.body': variable("The plugin's own text", ({ event }) => event.copy?.body, true),
} as const satisfies Readonly<Record<string, Variable>>;

type VariableName = keyof typeof VARIABLES;

/** Every attribute of an event, as `attributes.{name}`. */
const ATTRIBUTES = 'attributes.*';
const ATTRIBUTE = /^attributes\.([\w-]+)$/;

/** Events of these kinds change a state, or bring the words they ask for. */
type Wordless = 'presence.changed' | 'push.requested' | 'tags.replaced';

const ALWAYS: readonly VariableName[] = ['app.name', 'count'];
const CHAT: readonly VariableName[] = ['sender.name', 'message.text', 'conversation.id'];

const CANONICAL: Readonly<Record<Exclude<CanonicalEventKind, Wordless>, readonly VariableName[]>> = {
  'conversation.message': [...CHAT, 'message.type', 'attachment.name'],
  'conversation.started': ['sender.name', 'conversation.id'],
  'conversation.transferred': ['sender.name', 'conversation.id'],
  'conversation.notice': CHAT,
  'conversation.closed': CHAT,
  'conversation.survey_invited': CHAT,
  'message.recalled': ['sender.name', 'conversation.id'],
  'leave_message.replied': CHAT,
  'ticket.replied': ['ticket.id', 'sender.name', 'message.text'],
  'staff.outreach': CHAT,
  'notification.custom': CHAT,
};

const BY_KIND: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries(CANONICAL).map(([kind, names]) => [kind, [...ALWAYS, ...names]]),
);
/** A plugin's own kind may fill any part of an event. */
const OWN_KIND: readonly string[] = [...ALWAYS, ...CHAT, 'ticket.id', 'copy.title', 'copy.body', ATTRIBUTES];

/** Canonical kinds that templates have words for. */
export const TEMPLATE_KINDS: readonly string[] = [...BY_KIND.keys()];

/** Names of the variables of a kind; a kind that is not canonical is a plugin's own. */
export const variablesOf = (kind: string): readonly string[] => BY_KIND.get(kind) ?? OWN_KIND;

export const isVariable = (kind: string, name: string): boolean =>
  variablesOf(kind).includes(name) || (!BY_KIND.has(kind) && ATTRIBUTE.test(name));

/** Reads variables by name, from this table and from nothing else. Blanks count as no value. */
export function valuesOf(source: VariableSource, hideContent: boolean): ValueReader {
  return (name) => {
    const known = find(name);
    return known && !(known.personal && hideContent) ? known.read(source)?.trim() || undefined : undefined;
  };
}

function find(name: string): Variable | undefined {
  if (Object.hasOwn(VARIABLES, name)) return VARIABLES[name as VariableName];
  const attribute = ATTRIBUTE.exec(name)?.[1];
  return attribute === undefined ? undefined : attributeNamed(attribute);
}

function attributeNamed(name: string): Variable {
  const read = ({ event: { attributes } }: VariableSource) =>
    attributes && Object.hasOwn(attributes, name) ? attributes[name] : undefined;
  return variable('', read, true);
}

/** The table as Markdown, for the documentation. */
export function variableTables(): string {
  const meaning = Object.entries(VARIABLES).map(([name, { summary, personal }]) => [name, summary, personal] as const);
  const rows = [...meaning, [ATTRIBUTES, 'A field that the plugin keeps in view', true] as const].map(
    ([name, summary, personal]) => `| \`${name}\` | ${summary} | ${personal ? 'yes' : 'no'} |`,
  );
  const kinds = [...BY_KIND, ["a plugin's own kind", OWN_KIND] as const].map(
    ([kind, names]) => `| ${BY_KIND.has(kind) ? `\`${kind}\`` : kind} | ${quoted(names)} |`,
  );
  return [
    '| variable | stands for | hidden by `hideContent` |\n| --- | --- | --- |',
    ...rows,
    '\n| kind | variables |\n| --- | --- |',
    ...kinds,
  ].join('\n');
}

const quoted = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(' ');
