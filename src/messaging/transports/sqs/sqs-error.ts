import { ChannelError, ConnectionError, ImproperlyConfigured, OperationalError } from '../../../errors.ts'

const MISSING_QUEUE = /^(?:AWS\.SimpleQueueService\.NonExistentQueue|QueueDoesNotExist)$/
/** What does not get better by trying again. */
const REFUSED =
  /AccessDenied|InvalidClientTokenId|InvalidAccessKeyId|SignatureDoesNotMatch|UnrecognizedClient|CredentialsProviderError|InvalidSecurity|KmsAccessDenied|InvalidAddress|MissingAuthenticationToken/

/** Whether the queue that was asked for is not there. */
export function isMissingQueue(error: unknown): boolean {
  return error instanceof Error && MISSING_QUEUE.test(error.name)
}

/** Whether AWS denied what the account may not do. */
export function isDenied(error: unknown): boolean {
  return error instanceof Error && /AccessDenied/.test(error.name)
}

/** What an error of the SDK means to us. */
export function sqsError(error: unknown, doing: string): Error {
  if (error instanceof OperationalError || error instanceof ImproperlyConfigured) return error
  const name = error instanceof Error ? error.name : 'Error'
  const reason = error instanceof Error ? error.message || name : String(error)
  const message = `SQS could not ${doing}: ${reason}${name === 'Error' || name === reason ? '' : ` (${name})`}`
  if (isMissingQueue(error)) return new ChannelError(message, { cause: error })
  return new ConnectionError(message, { cause: error, recoverable: !REFUSED.test(name) })
}
