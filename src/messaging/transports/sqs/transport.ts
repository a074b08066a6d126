/** Amazon SQS as a broker, with messages as kombu writes them. */
import { systemClock } from '../../../util/clock.ts'
import type { Transport } from '../../transport.ts'
import { virtualTransport } from '../../virtual/virtual-transport.ts'
import { sqsOptions } from './sqs-options.ts'
import { openSqsStore, SQS_FEATURES } from './sqs-store.ts'

/**
 * `sqs://`: with the account that the AWS SDK finds by itself; `sqs://key:secret@` (percent-encoded) with this one;
 * `sqs://key:secret@host:port` at a server of one's own. Transport options are kombu's; see `sqsOptions`. Without
 * broadcasts, priorities and message expiry. Needs the package `@aws-sdk/client-sqs`.
 */
export const sqsTransport: Transport = virtualTransport({
  name: 'sqs',
  features: SQS_FEATURES,
  open: (options) =>
    openSqsStore(sqsOptions(options), { warn: options.warn ?? (() => undefined), clock: systemClock }),
})
