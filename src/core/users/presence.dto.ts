import type { ClientType, SessionState } from '@bellhop/contracts';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsInt, IsOptional, Max, Min } from 'class-validator';
import { publicId } from '../../platform/ids.js';
import { IsMoment } from '../../platform/validators.js';
import { APP_SOURCE, type PresenceRow } from './presence.entity.js';
import type { AppState } from './presence.service.js';

const APP_STATES = ['foreground', 'background', 'offline', 'loggedOut'] as const satisfies readonly AppState[];
const CLIENTS = ['mobile', 'desktop', 'unknown'] as const satisfies readonly ClientType[];

/** What an app says about itself. */
export class PresenceBody {
  /**
   * `foreground`: on screen now. `loggedOut`: pushes to this person stop here.
   * @example 'foreground'
   */
  @IsIn(APP_STATES)
  state: AppState;

  /** Default `mobile`. */
  @IsOptional()
  @IsIn(CLIENTS)
  client?: ClientType;

  /** Seconds until the report counts as unknown. Default 300 for `foreground`; else it stands until the next report. */
  @ApiPropertyOptional({ type: 'integer' })
  @IsOptional()
  @IsInt()
  @Min(10)
  @Max(3600)
  ttlSeconds?: number;

  /**
   * When the app saw the change; a later report wins whatever the order of arrival. Absent, or ahead of our clock: now.
   * @example '2026-11-20T08:00:00Z'
   */
  @ApiPropertyOptional({ format: 'date-time' })
  @IsOptional()
  @IsMoment()
  observedAt?: string;
}

/** The latest known state of one session. */
export class PresenceView {
  /**
   * `app` for reports of the app itself, else the integration whose vendor reported it.
   * @example 'app'
   */
  source: string;

  /**
   * Installation id, or the vendor's session or device id.
   * @example '6F9619FF-8B86-D011-B42D-00CF4FC964FF'
   */
  session: string;

  /** @example 'foreground' */
  state: SessionState;

  /** @example 'mobile' */
  client: ClientType;

  observedAt: Date;

  /** From then on the state counts as unknown; null: it stands until the next report. */
  expiresAt: Date | null;
}

export class PresenceList {
  /** The latest first. */
  data: PresenceView[];
}

export function presenceView({ source, session, state, client, observedAt, expiresAt }: PresenceRow): PresenceView {
  const shown = source === APP_SOURCE ? source : publicId('int', source);
  return { source: shown, session, state, client, observedAt, expiresAt };
}
