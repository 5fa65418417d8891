import { type ContentType, EVENT_KINDS, type FieldIssue } from '@bellhop/contracts';
import { readText, variablesIn } from './template-text.js';
import { isVariable, TEMPLATE_KINDS, variablesOf } from './template-variables.js';

/** What an operator writes. */
export interface TemplateDraft {
  readonly kind: string;
  /** Absent: every type. */
  readonly messageType?: ContentType | null;
  readonly locale: string;
  /** Mustache. Absent: the built-in title. */
  readonly title?: string | null;
  /** Mustache. */
  readonly body: string;
}

/** Everything that keeps a draft from being used. @param emitted kinds that the plugins of this build emit. */
export function draftIssues(
  { kind, messageType, title, body }: TemplateDraft,
  emitted: readonly string[],
): FieldIssue[] {
  return [
    ...kindIssues(kind, emitted),
    ...typeIssues(kind, messageType),
    ...(title ? textIssues('/title', title, kind) : []),
    ...textIssues('/body', body, kind),
  ];
}

function kindIssues(kind: string, emitted: readonly string[]): FieldIssue[] {
  const canonical = new Set<string>(EVENT_KINDS);
  const known = [...new Set([...TEMPLATE_KINDS, ...emitted.filter((name) => !canonical.has(name))])];
  return known.includes(kind) ? [] : [{ field: '/kind', message: `must be one of ${known.join(', ')}` }];
}

function typeIssues(kind: string, messageType: TemplateDraft['messageType']): FieldIssue[] {
  const allowed = !messageType || kind === 'conversation.message';
  return allowed ? [] : [{ field: '/messageType', message: 'is for conversation.message alone' }];
}

function textIssues(field: string, source: string, kind: string): FieldIssue[] {
  const read = readText(source);
  if ('fault' in read) return [{ field, message: read.fault }];
  if (source.trim() === '') return [{ field, message: 'must hold more than blanks' }];
  const unknown = variablesIn(read.text).filter((name) => !isVariable(kind, name));
  if (unknown.length === 0) return [];
  const words = unknown.map((name) => `{{${name}}}`).join(', ');
  return [{ field, message: `must not use ${words}; known are ${variablesOf(kind).join(', ')}` }];
}
