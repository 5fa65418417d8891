import { type CustomDecorator, SetMetadata } from '@nestjs/common';

/** Metadata key of routes that need no API key. */
export const PUBLIC = 'bellhop:public';

/** Opens a route, or every route of a controller, to callers without an API key. */
export const Public = (): CustomDecorator => SetMetadata(PUBLIC, true);
