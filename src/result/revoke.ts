/** From results to commands for the workers that have, or will have, their calls. */
import { ImproperlyConfigured } from '../errors.ts'
import type { ResultContext, RevokeRequest, RevokeResultOptions, StampedHeaders } from './ports.ts'

/** Revokes calls with one command. */
export async function revokeCalls(
  { control }: ResultContext,
  ids: string | readonly string[],
  options: RevokeResultOptions,
): Promise<void> {
  if (control === undefined) throw noControl()
  await control.revoke(ids, requestOf(options))
}

/** Revokes all calls that carry one of the stamps, whoever made them. */
export async function revokeByStamps(
  { control }: ResultContext,
  headers: StampedHeaders,
  options: RevokeResultOptions,
): Promise<void> {
  if (control === undefined) throw noControl()
  await control.revokeByStampedHeaders(headers, requestOf(options))
}

function requestOf({ terminate, signal, wait, timeout }: RevokeResultOptions): RevokeRequest {
  const reply = wait ?? false
  // As with Celery, a command that nobody waits for does not expire.
  return { terminate: terminate ?? false, signal: signal ?? null, reply, timeout: reply ? timeout : null }
}

function noControl(): ImproperlyConfigured {
  return new ImproperlyConfigured('This result belongs to no app, so there are no workers to tell')
}
