import { FreshCache } from '../../platform/fresh-cache.js';
import {
  clipText,
  ConflictError,
  type EventKind,
  type InboundEvent,
  NotFoundError,
  UnprocessableError,
} from '@bellhop/contracts';
import { Injectable, Logger } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { LessThan, Repository } from 'typeorm';
import { AccessService } from '../../access/access.service.js';
import { Clock } from '../../platform/clock.js';
import { newId } from '../../platform/ids.js';
import type { PageLoader } from '../../platform/pagination.js';
import { Sql } from '../../platform/sql.js';
import { PluginRegistry } from '../registry/plugin-registry.js';
import { compileTexts, COPY_LIMITS, type CopyTemplate } from './render.js';
import { sampleEvent } from './sample-event.js';
import { draftIssues, type TemplateDraft } from './template-checks.js';
import { type Silence, silenceOf } from './template-choice.js';
import { renderText, type ValueReader, variablesIn } from './template-text.js';
import { valuesOf } from './template-variables.js';
import { Template } from './template.entity.js';

/** Every event of an app looks through all of its templates. */
const MOST_TEMPLATES = 1_000;
/** Messages that a preview without an event stands for. */
const SAMPLE_COUNT = 3;
const UNIQUE_VIOLATION = '23505';

export interface PreviewOptions {
  /** UUID of a stored event; absent: a sample. */
  readonly eventId?: string;
  /** As in an integration that hides content. */
  readonly hideContent: boolean;
}

/** What a template would show. */
export interface Preview {
  /** Null: the built-in title. */
  readonly title: string | null;
  /** Null: a value is missing, and the next rule speaks. */
  readonly body: string | null;
  /** Variables without a value. */
  readonly missing: readonly string[];
  /** Null: it would be shown. */
  readonly unusedBecause: Silence | 'value_missing' | null;
}

/** The words of an app for what vendors report. */
@Injectable()
export class TemplatesService {
  private readonly log = new Logger(TemplatesService.name);
  private readonly cache: FreshCache<readonly CopyTemplate[]>;

  constructor(
    @InjectRepository(Template) private readonly templates: Repository<Template>,
    private readonly access: AccessService,
    private readonly registry: PluginRegistry,
    private readonly sql: Sql,
    private readonly clock: Clock,
  ) {
    this.cache = new FreshCache(clock);
  }

  /** Every template of the app, oldest first, as of a moment ago. */
  forEvents(appId: string): Promise<readonly CopyTemplate[]> {
    return this.cache.get(appId, () => this.load(appId));
  }

  loadOf(appId: string): PageLoader<Template> {
    return (before, take) =>
      this.templates.find({ where: { appId, ...(before && { id: LessThan(before) }) }, order: { id: 'DESC' }, take });
  }

  /** @throws {NotFoundError} */
  async get(appId: string, id: string): Promise<Template> {
    const template = await this.templates.findOneBy({ appId, id });
    if (!template) throw new NotFoundError('The template');
    return template;
  }

  /**
   * @throws {UnprocessableError} naming every field.
   * @throws {ConflictError} when there is one for the same kind, type and locale.
   */
  async create(appId: string, draft: TemplateDraft): Promise<Template> {
    this.check(draft);
    if ((await this.templates.countBy({ appId })) >= MOST_TEMPLATES) throw tooMany();
    const now = this.clock.now();
    return this.write({ ...columnsOf(draft), appId, id: newId(), createdAt: now, updatedAt: now }, (row) =>
      this.templates.insert(row),
    );
  }

  /**
   * @throws {NotFoundError}
   * @throws {UnprocessableError} naming every field.
   * @throws {ConflictError} when there is another one for the same kind, type and locale.
   */
  async replace(appId: string, id: string, draft: TemplateDraft): Promise<Template> {
    const known = await this.get(appId, id);
    this.check(draft);
    return this.write({ ...known, ...columnsOf(draft), updatedAt: this.clock.now() }, (row) =>
      this.templates.update({ appId, id }, row),
    );
  }

  /** @throws {NotFoundError} */
  async remove(appId: string, id: string): Promise<void> {
    const { affected } = await this.templates.delete({ appId, id });
    if (!affected) throw new NotFoundError('The template');
    this.cache.forget(appId);
  }

  /**
   * Renders a draft without saving it.
   * @throws {UnprocessableError} when it could not be saved, or is not for this event.
   * @throws {NotFoundError} when there is no such event.
   */
  async preview(appId: string, draft: TemplateDraft, { eventId, hideContent }: PreviewOptions): Promise<Preview> {
    this.check(draft);
    const app = await this.access.getApp(appId);
    const { kind, messageType } = columnsOf(draft);
    const event = eventId ? await this.storedEvent(appId, eventId, draft) : sampleEvent(kind as EventKind, messageType);
    const read = valuesOf({ event, count: eventId ? 1 : SAMPLE_COUNT, app }, hideContent);
    const rendered = previewOf(draft, read);
    const silence = silenceOf(event, { messageType }, hideContent);
    return { ...rendered, unusedBecause: silence ?? (rendered.body === null ? 'value_missing' : null) };
  }

  private async storedEvent(appId: string, id: string, { kind, messageType }: TemplateDraft): Promise<InboundEvent> {
    const [row] = await this.sql.query<{ event: InboundEvent | null }>(
      'SELECT event FROM inbound_event WHERE app_id = $1 AND id = $2',
      [appId, id],
    );
    if (!row?.event) throw new NotFoundError('The event');
    const { event } = row;
    if (event.kind !== kind) throw foreignEvent(`is of kind ${event.kind}`);
    if (messageType && event.message?.type !== messageType) {
      throw foreignEvent(`is a message of type ${event.message?.type ?? 'none'}`);
    }
    return event;
  }

  private async write(row: Template, save: (row: Template) => Promise<unknown>): Promise<Template> {
    try {
      await save(row);
    } catch (error) {
      if ((error as { code?: unknown }).code !== UNIQUE_VIOLATION) throw error;
      throw new ConflictError('template.exists', 'There is a template for this kind, message type and locale.');
    }
    this.cache.forget(row.appId);
    return row;
  }

  private async load(appId: string): Promise<CopyTemplate[]> {
    const rows = await this.templates.find({ where: { appId }, order: { id: 'ASC' } });
    return rows.flatMap((row) => {
      const texts = compileTexts(row.title, row.body);
      if (!texts) this.log.warn({ template: row.id }, 'A stored template cannot be read and is left out');
      return texts ? [{ kind: row.kind, messageType: row.messageType, locale: row.locale, ...texts }] : [];
    });
  }

  private check(draft: TemplateDraft): void {
    const own = this.registry.all().flatMap(({ inbound }) => inbound?.manifest.emits ?? []);
    const issues = draftIssues(draft, own);
    if (issues.length > 0) throw new UnprocessableError('template.invalid', 'The template cannot be used.', issues);
  }
}

/** The texts of a draft that has been checked. */
function previewOf({ title, body }: TemplateDraft, read: ValueReader): Omit<Preview, 'unusedBecause'> {
  const texts = compileTexts(title ?? null, body) ?? { body: [] };
  const heading = texts.title && renderText(texts.title, read);
  const text = renderText(texts.body, read);
  return {
    title: heading ? clipText(heading, COPY_LIMITS.title) : null,
    body: text ? clipText(text, COPY_LIMITS.body) : null,
    missing: variablesIn([...(texts.title ?? []), ...texts.body]).filter((name) => read(name) === undefined),
  };
}

function columnsOf({ kind, messageType, locale, title, body }: TemplateDraft) {
  return { kind, messageType: messageType ?? ('' as const), locale, title: title || null, body };
}

function tooMany(): UnprocessableError {
  return new UnprocessableError('template.too_many', `An app has at most ${MOST_TEMPLATES} templates.`);
}

function foreignEvent(message: string): UnprocessableError {
  return new UnprocessableError('template.event_foreign', 'The template is not for this event.', [
    { field: '/eventId', message },
  ]);
}
