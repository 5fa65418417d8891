import { AppError, type SendFailure, TooManyCallsError } from '@bellhop/contracts';
import { Logger } from '@nestjs/common';
import type { OpenedIntegration } from './integration-cache.js';

/** Where a vendor does not say when to come back. */
const DEFAULT_PAUSE_SECONDS = 60;

const log = new Logger('Vendor');

/**
 * Makes a call through a channel for a caller who waits. What it rejects with is a defect of the plugin: logged, and not
 * told, since nobody knows what stands in it.
 * @throws {AppError} 502 `plugin.failed`
 */
export async function askVendor<T>({ plugin, row }: OpenedIntegration, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    log.error({ plugin: plugin.id, integrationId: row.id, cause: (error as Error).message }, 'Channel failed');
    throw new AppError('plugin.failed', 502, 'The channel failed; it is not known whether the vendor was asked.');
  }
}

/** The problem document for a call that a vendor did not accept; its code is the stable one of the outcome. */
export function refusedByVendor(refusal: SendFailure, now: Date): AppError {
  const { reason } = refusal;
  switch (refusal.kind) {
    case 'rejected':
    case 'invalidTarget':
      return new AppError(reason, 422, told('The vendor does not accept this.', refusal));
    case 'wrongBinding':
      return new AppError(reason, 409, told('The vendor has this elsewhere.', refusal));
    case 'misconfigured': {
      const where = refusal.field ? `Check the setting "${refusal.field}".` : 'Check the settings.';
      return new AppError(reason, 409, told(`The vendor does not accept the integration. ${where}`, refusal));
    }
    case 'throttled':
      return tooMany(refusal, refusal.retryAfterMs);
    case 'quotaExhausted':
      return tooMany(refusal, refusal.resetsAt && refusal.resetsAt.getTime() - now.getTime());
    case 'transient':
      return new AppError(reason, 503, told('The vendor cannot be reached; nothing was done.', refusal));
    case 'unknown':
      return new AppError(reason, 502, told('It is not known whether the vendor did it.', refusal));
  }
}

function tooMany(refusal: SendFailure, ms = DEFAULT_PAUSE_SECONDS * 1000): TooManyCallsError {
  const seconds = Math.max(1, Math.ceil(ms / 1000));
  return new TooManyCallsError(refusal.reason, told('The vendor allows no more calls now.', refusal), seconds);
}

function told(words: string, { vendorCode, detail }: SendFailure): string {
  const theirs = [vendorCode, detail].filter(Boolean).join(' ');
  return theirs ? `${words} Its answer: ${theirs}` : words;
}
