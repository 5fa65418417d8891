import { ApiProperty } from '@nestjs/swagger';
import { ArrayMinSize, IsArray, IsString, Length } from 'class-validator';
import { IsPrintable } from '../../platform/validators.js';
import type { UserTag } from './user-tag.entity.js';

export class SetTagsBody {
  /**
   * The whole set, which replaces the one before; empty clears. At most 20, each of 1 to 40 bytes of UTF-8: letters and
   * digits of any script, `_` and `-`.
   */
  @ApiProperty({ type: [String], maxItems: 20, example: ['vip', '北京'] })
  @IsArray()
  @IsString({ each: true })
  tags: string[];
}

export class SetTagsBatchBody extends SetTagsBody {
  /** User ids, at most 1,000. */
  @ApiProperty({ type: [String], maxItems: 1_000, example: ['u-1001', 'u-1002'] })
  @IsArray()
  @ArrayMinSize(1)
  @Length(1, 128, { each: true })
  @IsPrintable({ each: true })
  userIds: string[];
}

export class TagsView {
  /** @example 'u-1001' */
  readonly userId: string;

  @ApiProperty({ type: [String], example: ['vip', '北京'] })
  readonly tags: readonly string[];

  /** Null: nobody has ever given this person tags. */
  @ApiProperty({ type: Date, nullable: true })
  readonly updatedAt: Date | null;
}

export class TagsBatchView {
  /** People who have the tags now. */
  @ApiProperty({ type: 'integer' })
  readonly users: number;
}

export function tagsView(userId: string, row: UserTag | null): TagsView {
  return { userId, tags: row?.tags ?? [], updatedAt: row?.updatedAt ?? null };
}
