import { ValidateBy, ValidateIf, type ValidationOptions } from 'class-validator';

type Check = (value: unknown) => boolean;

function rule(name: string, check: Check, message: string, options?: ValidationOptions): PropertyDecorator {
  return ValidateBy({ name, validator: { validate: check, defaultMessage: () => message } }, options);
}

/** A field that may be left out, and is no null: `IsOptional` would let one through. */
export const IfPresent = (): PropertyDecorator => ValidateIf((_, value) => value !== undefined);

/** Text without control characters and broken surrogates: PostgreSQL stores it, and logs and headers can show it. */
export function IsPrintable(options?: ValidationOptions): PropertyDecorator {
  return rule('isPrintable', isPrintable, 'must be text without control characters', options);
}

/** IANA time zone (`Asia/Shanghai`); offsets such as `+08:00` are none. */
export function IsZone(options?: ValidationOptions): PropertyDecorator {
  return rule('isZone', isZone, 'must be an IANA time zone, for instance Asia/Shanghai', options);
}

/** BCP 47 language tag of at most 35 characters (`zh-CN`). */
export function IsLanguage(options?: ValidationOptions): PropertyDecorator {
  return rule('isLanguage', isLanguage, 'must be a BCP 47 language tag, for instance zh-CN', options);
}

/** ISO 8601 date and time with a zone (`2026-11-20T08:00:00Z`), which names one moment everywhere. */
export function IsMoment(options?: ValidationOptions): PropertyDecorator {
  const message = 'must be an ISO 8601 time with a zone, for instance 2026-11-20T08:00:00Z';
  return rule('isMoment', isMoment, message, options);
}

/** Local wall clock `HH:mm`, 00:00 to 23:59. */
export const WALL_CLOCK = /^([01]\d|2[0-3]):[0-5]\d$/;

/** A day and a time on a wall, `YYYY-MM-DDTHH:mm` without a zone. */
export function IsLocalTime(options?: ValidationOptions): PropertyDecorator {
  return rule('isLocalTime', isLocalTime, 'must be YYYY-MM-DDTHH:mm, for instance 2026-11-20T18:00', options);
}

function isLocalTime(value: unknown): boolean {
  const [day = '', clock = ''] = typeof value === 'string' ? value.split('T', 2) : [];
  return isCalendarDay(day) && WALL_CLOCK.test(clock) && value === `${day}T${clock}`;
}

export function isPrintable(value: unknown): value is string {
  // Control characters are what is looked for.
  // eslint-disable-next-line no-control-regex
  return typeof value === 'string' && value.isWellFormed() && !/[\u0000-\u001f\u007f-\u009f]/.test(value);
}

function isZone(value: unknown): boolean {
  if (typeof value !== 'string' || !/^[A-Za-z][\w+/-]{0,63}$/.test(value)) return false;
  return succeeds(() => new Intl.DateTimeFormat('en', { timeZone: value }));
}

function isLanguage(value: unknown): boolean {
  return typeof value === 'string' && value.length <= 35 && succeeds(() => Intl.getCanonicalLocales(value));
}

const MOMENT = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

function isMoment(value: unknown): boolean {
  const [, date = ''] = typeof value === 'string' ? (MOMENT.exec(value) ?? []) : [];
  return isCalendarDay(date) && !Number.isNaN(Date.parse(String(value)));
}

/** A day `YYYY-MM-DD` that the calendar has. */
export function isCalendarDay(text: string): boolean {
  const at = /^\d{4}-\d\d-\d\d$/.test(text) ? new Date(`${text}T00:00:00Z`) : undefined;
  // Date.parse() rolls 30 February over into March.
  return at !== undefined && !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text);
}

function succeeds(attempt: () => unknown): boolean {
  try {
    attempt();
    return true;
  } catch {
    return false;
  }
}
