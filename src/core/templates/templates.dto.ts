import { CONTENT_TYPES, type ContentType } from '@bellhop/contracts';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsOptional, IsString, Length } from 'class-validator';
import { publicId } from '../../platform/ids.js';
import { PageOf } from '../../platform/pagination.js';
import { IsPrintable } from '../../platform/validators.js';
import type { Template } from './template.entity.js';
import type { Preview } from './templates.service.js';

/** The words for events of one kind, in one language. */
export class TemplateBody {
  /**
   * A kind of event that is shown, or a kind of a plugin.
   * @example 'conversation.message'
   */
  @Length(1, 128)
  @IsPrintable()
  kind: string;

  /** For `conversation.message`. Absent: messages of every type that no other template has words for. */
  @ApiPropertyOptional({ enum: CONTENT_TYPES, nullable: true })
  @IsOptional()
  @IsIn(CONTENT_TYPES)
  messageType?: ContentType | null;

  /**
   * BCP 47, or a `contentKey` of your devices. `default` speaks to everybody whose language has no template.
   * @example 'en'
   */
  @Length(1, 64)
  @IsPrintable()
  locale: string;

  /** Mustache variables and nothing else of mustache. Absent: the built-in title. At most 60 characters are shown. */
  @ApiPropertyOptional({ type: String, nullable: true, example: '{{app.name}}' })
  @IsOptional()
  @Length(1, 200)
  @IsPrintable()
  title?: string | null;

  /**
   * Mustache variables and nothing else of mustache. At most 100 characters are shown.
   * @example 'You have a new message from {{sender.name}}'
   */
  @IsString()
  @Length(1, 1_000)
  body: string;
}

/** A template to look at before it is saved. */
export class PreviewTemplateBody extends TemplateBody {
  /** An event that has happened. Absent: a sample of the kind. */
  @ApiPropertyOptional({ type: String, nullable: true, example: 'evt_0199c3a4b5c67d8e9f00112233445566' })
  @IsOptional()
  @IsString()
  eventId?: string | null;

  /** As in an integration whose `hideContent` is on. */
  @ApiPropertyOptional({ default: false })
  @IsBoolean()
  hideContent: boolean = false;
}

export class TemplateView {
  /** @example 'tpl_0199c3a4b5c67d8e9f00112233445566' */
  readonly id: string;

  readonly kind: string;

  /** Null: every type. */
  @ApiProperty({ enum: CONTENT_TYPES, nullable: true })
  readonly messageType: ContentType | null;

  readonly locale: string;

  /** Null: the built-in title. */
  @ApiProperty({ type: String, nullable: true })
  readonly title: string | null;

  readonly body: string;

  readonly createdAt: Date;

  readonly updatedAt: Date;
}

export class TemplatePage extends PageOf(TemplateView) {}

/** What would be shown, cut to length. */
export class PreviewView implements Preview {
  /** Null: the built-in title. */
  @ApiProperty({ type: String, nullable: true, example: 'Shop' })
  readonly title: string | null;

  /** Null: a value is missing, and the built-in copy is shown. */
  @ApiProperty({ type: String, nullable: true, example: 'You have a new message from Amy' })
  readonly body: string | null;

  /** Variables without a value in this event. */
  @ApiProperty({ type: [String], example: [] })
  readonly missing: readonly string[];

  /**
   * Why the template would not be used: the event brings a text for the push, it is a signal that is never shown, or
   * the body misses a value. Null: it would be.
   */
  @ApiProperty({ enum: ['explicit_text', 'no_words', 'value_missing'], nullable: true })
  readonly unusedBecause: Preview['unusedBecause'];
}

export function templateView({ appId: _app, messageType, ...shown }: Template): TemplateView {
  return { ...shown, id: publicId('tpl', shown.id), messageType: messageType || null };
}
