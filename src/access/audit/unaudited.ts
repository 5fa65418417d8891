import { type CustomDecorator, SetMetadata } from '@nestjs/common';

/** Metadata key of routes whose calls leave no entry. */
export const UNAUDITED = 'bellhop:unaudited';

/** @param why for the reader: every unsafe call leaves an entry, unless there is a reason. */
export const Unaudited = (why: string): CustomDecorator => SetMetadata(UNAUDITED, why);
